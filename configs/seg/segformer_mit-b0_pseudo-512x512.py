# MMSegmentation's SegFormer on pseudo masks. `pseudo_root` is the output folder of make_pseudo; images that failed
# there are left out, images without any class train as all-background.
_base_ = [
    'mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py',
    '../_base_/data_sets.py',
]
kind = 'segmentor'
needs = dict(pseudo_root='pseudo')
pseudo_root = 'work_dirs/pseudo'
corrections = None  # folder of masks that a person corrected (mmwsss import), which win over pseudo masks
corrections_repeat = 1  # how often a corrected image is shown an epoch
img_size = 512
batch_size = 8
epochs = 20
lr = 6e-5
num_workers = 2
crop_ratio = 0.5  # smallest factor of the random resize before the crop
pretrained = True  # False: start from scratch, where the weights cannot be fetched
seed = 42

default_scope = 'mmseg'
custom_imports = dict(imports=['mmwsss'], allow_failed_imports=False)
model = dict(
    data_preprocessor=dict(size=(img_size, img_size)),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=_base_.checkpoint) if pretrained else None),
    decode_head=dict(num_classes=_base_.num_classes + 1),
)

train_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='mmwsss.LoadSegMap'),
    dict(type='RandomResize', scale=(img_size, img_size), ratio_range=(1.0, 1.0 / crop_ratio), keep_ratio=False),
    dict(type='RandomCrop', crop_size=(img_size, img_size)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='Resize', scale=(img_size, img_size), keep_ratio=False),
    dict(type='mmwsss.LoadSegMap'),
    dict(type='PackSegInputs'),
]

_loader = dict(num_workers=num_workers, persistent_workers=False, pin_memory=False)
train_dataloader = dict(
    _delete_=True,
    **_loader,
    batch_size=batch_size,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmwsss.PseudoMaskDataset',
        pseudo_root=pseudo_root,
        corrections=corrections,
        corrections_repeat=corrections_repeat,
        pipeline=train_pipeline,
    ),
)
val_dataloader = (
    _base_.val_set
    and (_base_.val_masks or None)
    and dict(
        _delete_=True,
        **_loader,
        batch_size=batch_size,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='mmwsss.SegmentationView', source=_base_.val_set, pipeline=test_pipeline),
    )
)
test_dataloader = (
    _base_.test_set
    and (_base_.test_masks or None)
    and dict(
        _delete_=True,
        **_loader,
        batch_size=batch_size,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='mmwsss.SegmentationView', source=_base_.test_set, pipeline=test_pipeline),
    )
)
val_evaluator = val_dataloader and dict(_delete_=True, type='mmwsss.WeakSegMetric')
test_evaluator = test_dataloader and dict(_delete_=True, type='mmwsss.WeakSegMetric')

# by epochs, so that a resumed run sees the same pictures in the same order as one that never stopped
optim_wrapper = dict(optimizer=dict(lr=lr))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
    dict(type='PolyLR', eta_min=0.0, power=1.0, by_epoch=True, begin=1, end=epochs, convert_to_iter_based=True),
][: min(epochs, 2)]
train_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=max(1, epochs // 4))
val_cfg = val_dataloader and dict(type='ValLoop')
test_cfg = test_dataloader and dict(type='TestLoop')
default_hooks = dict(
    checkpoint=dict(_delete_=True, type='CheckpointHook', interval=1, max_keep_ckpts=1),
    logger=dict(interval=20, log_metric_by_epoch=True),
)
log_processor = dict(by_epoch=True)
randomness = dict(seed=seed)
# without the host's fixed name, under which a second run of one process would log into the first one's folder
visualizer = dict(_delete_=True, type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')])
