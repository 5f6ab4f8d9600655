# Row "+ CRF" of Table 4.4: Grad-CAM at the last block, four scales, dense CRF with exponent 16, threshold 0.3. The
# refiners are a list: reorder them, drop some, add your own.
_base_ = '../_base_/data_sets.py'
kind = 'pseudo'
img_size = 512
scales = [0.5, 1.0, 1.5, 2.0]
method = 'gradcam'  # 'cam' and 'pcm' read the maps of the heads that have some
target_layers = [-1]
flip = False
per_scale_min_max = True  # as in the paper's code; False normalises each map once, last
size_divisor = None  # scaled sizes are multiples of it; None: of the backbone's patch size, else 16
threshold = 0.3
mask_threshold = 0.3
ignore_band = None  # (low, high): scores between them become the ignore label
bg_exponent = 16.0
crf_max_side = 1024  # larger pictures are refined at this size
crf_backend = 'auto'  # 'pydensecrf' or 'torch'; the same results
save_cam = False
evaluation = 'masks'  # how tables measure it: by its masks; 'maps': by its maps at the threshold, and at others
batch_size = 8
num_workers = None  # processes that read pictures; None: some where there are four cores or more
workers = None  # processes that refine; None: as many as pay
precision = 'float32'  # 'bfloat16' or 'float16': autocast
channels_last = False
compile_blocks = False  # torch.compile on the blocks below the target layers
checkpoint_classes = None  # names of the checkpoint's classes, in order, where it has none
class_map = None  # class of the data -> class of the checkpoint, where they differ

default_scope = 'mmpretrain'
custom_imports = dict(imports=['mmwsss'], allow_failed_imports=False)

# the steps by name, for the configs that put them together in other ways
fusion_step = dict(type='mmwsss.LayerFusion', normalize=not per_scale_min_max)
crf_step = dict(
    type='mmwsss.CRFRefine', preset='paper', bg_exponent=bg_exponent, max_side=crf_max_side, backend=crf_backend
)
cut_step = dict(type='mmwsss.ThresholdMask', threshold=mask_threshold, ignore_band=ignore_band)

pseudo = dict(
    dataset=_base_.pseudo_set,
    pipeline=[dict(type='Resize', scale=(img_size, img_size)), dict(type='PackInputs')],
    batch_size=batch_size,
    num_workers=num_workers,
    workers=workers,
    precision=precision,
    channels_last=channels_last,
    compile=compile_blocks,
    save_cam=save_cam,
    **(dict(checkpoint_classes=checkpoint_classes) if checkpoint_classes else {}),
    **(dict(class_map=class_map) if class_map else {}),
    generator=dict(
        type='mmwsss.CAMGenerator',
        method=method,
        target_layers=target_layers,
        scales=scales,
        flip=flip,
        per_scale_min_max=per_scale_min_max,
        size_divisor=size_divisor,
    ),
    fusion=fusion_step,
    unrefined=dict(type='mmwsss.ThresholdMask', threshold=threshold),
    refine=[crf_step, cut_step],
)
