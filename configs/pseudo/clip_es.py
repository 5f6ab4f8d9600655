# CLIP-ES: masks from pictures, their labels and the names of the classes; nothing is trained. The checkpoint is CLIP's,
# which OpenAI publishes as a compiled network, so that it has to be trusted:
#   python tools/make_pseudo.py configs/pseudo/clip_es.py weights/ViT-B-16.pt --out masks --trust-checkpoints
# Pictures keep their size. Pixels that the CRF is not sure of get the ignore label (the paper's confidence-guided
# loss).
_base_ = '../_base_/data_sets.py'
kind = 'pseudo'
method = 'clip'  # 'clip_unrefined': without the spreading by attention
clip_arch = 'ViT-B-16-quickgelu'  # OpenAI's own
templates = ['a clean origami {}.']
# words for what is none of the classes: the paper's for VOC; what stands beside yours belongs here (chimney, fog, ...)
background = [
    'ground',
    'land',
    'grass',
    'tree',
    'building',
    'wall',
    'sky',
    'lake',
    'water',
    'river',
    'sea',
    'railway',
    'railroad',
    'keyboard',
    'helmet',
    'cloud',
    'house',
    'mountain',
    'ocean',
    'road',
    'rock',
    'street',
    'valley',
    'bridge',
    'sign',
]
synonyms = None  # class -> words in its place, in one sentence: {'person': 'person with clothes,people,human'}
attention_blocks = 8
box_threshold = 0.4  # 0.7 for COCO
scales = [1.0]
flip = False
threshold = 0.3  # of the masks that the refined ones are compared with
confidence = 0.95  # least posterior of a pixel that is labelled
save_cam = False
evaluation = 'masks'
batch_size = 1  # pictures of one size go through the network together
num_workers = None  # processes that read pictures; None: some where there are four cores or more
workers = None  # processes that refine; None: as many as pay

default_scope = 'mmpretrain'
custom_imports = dict(imports=['mmwsss'], allow_failed_imports=False)
model = dict(
    type='mmwsss.CLIPClassifier',
    arch=clip_arch,
    background=background,
    synonyms=synonyms,
    templates=templates,
    attention_blocks=attention_blocks,
    box_threshold=box_threshold,
)
crf_step = dict(
    type='mmwsss.CRFRefine',
    num_iters=10,
    bg_exponent=1.0,
    gaussian=dict(sxy=1, compat=3),
    bilateral=dict(sxy=67, srgb=3, compat=4),
    max_side=1024,
)
pseudo = dict(
    dataset=_base_.pseudo_set,
    pipeline=[dict(type='PackInputs')],
    batch_size=batch_size,
    num_workers=num_workers,
    workers=workers,
    save_cam=save_cam,
    generator=dict(
        type='mmwsss.CAMGenerator',
        method=method,
        scales=scales,
        flip=flip,
        per_scale_min_max=True,
        size_divisor=1,  # the classifier itself rounds sides up to whole patches
    ),
    fusion=dict(type='mmwsss.LayerFusion', normalize=False),
    unrefined=dict(type='mmwsss.ThresholdMask', threshold=threshold),
    refine=[crf_step, dict(type='mmwsss.ThresholdMask', confidence=confidence)],
)
