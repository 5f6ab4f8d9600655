# A frozen EfficientNet-Lite0 with ImageNet weights and a head that learns. Features are computed once, for the picture
# and its mirror image, and kept: after the first epochs there is no network to run. frozen=False is the matched
# control: the same head and schedule, and the network learns too (with a lower rate: lr=1e-3).
_base_ = './_base_/small_recipe.py'
img_size = 192
batch_size = 32
epochs = 10
lr = 1e-2
frozen = True
kept_features = 'work_dirs/features'  # None: compute them every time
feature_crop = None  # smallest side of a random window of the features in training, as a share: 0.6
pretrained = True  # False: start from scratch
weights = 'package://efficientnet-lite0'
stride = 16  # 8: finer maps, about twice the time
head_type = 'mmwsss.PooledHead'

_backbone = dict(
    type='mmwsss.TimmFeatures',
    name='tf_efficientnet_lite0',
    out_indices=(3, 4),  # 112 and 320 channels on one grid
    output_stride=stride,
    **(dict(init_cfg=dict(type='Pretrained', checkpoint=weights)) if pretrained else dict()),
)
_backbone_or_kept = (
    dict(type='mmwsss.KeptFeatures', backbone=_backbone, folder=kept_features, crop=feature_crop)
    if frozen
    else _backbone
)
model = dict(
    type='mmwsss.MapClassifier',
    data_preprocessor=dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0], to_rgb=True),
    backbone=_backbone_or_kept,
    head=dict(type=head_type, num_classes=_base_.num_classes, in_channels=320),
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
train_dataloader = dict(batch_size=batch_size, dataset=dict(pipeline=train_pipeline))
val_dataloader = _base_.val_set and dict(batch_size=batch_size, dataset=dict(pipeline=test_pipeline))
test_dataloader = _base_.test_set and dict(batch_size=batch_size, dataset=dict(pipeline=test_pipeline))
optim_wrapper = dict(optimizer=dict(lr=lr))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=1, end=epochs, eta_min=1e-6, convert_to_iter_based=True),
][: min(epochs, 2)]
train_cfg = dict(max_epochs=epochs, val_interval=max(1, epochs // 4))
