# Table 4.1: ResNet-101.
_base_ = './r50.py'
depth = 101
model = dict(
    backbone=dict(
        depth=depth,
        **(dict(init_cfg=dict(checkpoint=f'torchvision://resnet{depth}')) if _base_.pretrained else {}),
    )
)
