# Table 4.1: a plain ResNet-50, pooled features and a linear layer. Its Grad-CAM is that of layer4[-1].
_base_ = './_base_/vitb_r50.py'
depth = 50
model = dict(
    type='mmwsss.MapClassifier',
    data_preprocessor=_base_.imagenet,
    backbone=dict(
        type='ResNet',
        depth=depth,
        **(
            dict(init_cfg=dict(type='Pretrained', checkpoint=f'torchvision://resnet{depth}'))
            if _base_.pretrained
            else {}
        ),
    ),
    head=dict(type='mmwsss.PooledHead', num_classes=_base_.num_classes, in_channels=2048),
)
