# A frozen vision transformer of timm and class maps on its patches. Any plain one will do, by its name and its weights:
# DINOv2 (with or without registers), DINOv3, CLIP, SigLIP, EVA-02, DeiT-III; docs/components.md says whose licence they
# have. The normalisation that belongs to the weights is taken from timm.
_base_ = './frozen_lite0.py'
img_size = 518  # a multiple of the network's patch size
lr = 1e-3
vit_name = 'vit_small_patch14_dinov2.lvd142m'
vit_weights = 'timm://vit_small_patch14_dinov2.lvd142m'  # or a file
vit_channels = 384
_vit = dict(
    type='mmwsss.TimmTokens',
    name=vit_name,
    input_mean=(0, 0, 0),  # pixels come as they are
    input_std=(1, 1, 1),
    **(dict(init_cfg=dict(type='Pretrained', checkpoint=vit_weights)) if _base_.pretrained else dict()),
)
_vit_or_kept = (
    dict(
        _delete_=True, type='mmwsss.KeptFeatures', backbone=_vit, folder=_base_.kept_features, crop=_base_.feature_crop
    )
    if _base_.frozen
    else dict(_delete_=True, **_vit)
)
model = dict(
    data_preprocessor=dict(mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0], to_rgb=True),
    backbone=_vit_or_kept,
    head=dict(in_channels=vit_channels),
)
train_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='Resize', scale=(img_size, img_size)),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='Resize', scale=(img_size, img_size)),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = _base_.val_set and dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = _base_.test_set and dict(dataset=dict(pipeline=test_pipeline))
optim_wrapper = dict(optimizer=dict(lr=lr))
