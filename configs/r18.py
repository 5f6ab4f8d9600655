# Small sibling of r50.py.
_base_ = './_base_/vitmini_r18.py'
model = dict(
    type='mmwsss.MapClassifier',
    init_cfg=_base_.teacher_init and dict(type='Pretrained', checkpoint=_base_.teacher_init),
    data_preprocessor=_base_.imagenet,
    backbone=dict(_base_.teacher.backbone, out_indices=(2,)),
    head=dict(type='mmwsss.PooledHead', num_classes=_base_.num_classes, in_channels=128),
)
