# A true ViT-S/16 without a teacher. (What the paper's tables call ViT-S is ViT-B/16 in its code: vitb.py.)
_base_ = './vitb.py'
model = dict(
    backbone=dict(
        arch='deit-small',
        init_cfg=_base_.pretrained
        and dict(
            type='Pretrained',
            checkpoint='https://dl.fbaipublicfiles.com/deit/deit_small_patch16_224-cd65a155.pth',
        ),
    ),
    head=dict(in_channels=384),
)
