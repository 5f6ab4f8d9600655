# The paper's two networks: ViT-B/16 student and ResNet-50 + PCM teacher.
_base_ = './paper.py'
patch_size = 16

imagenet = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)

student = dict(
    type='mmwsss.MapClassifier',
    data_preprocessor=imagenet,  # as in the paper's code, though these weights were trained with mean = std = 0.5
    backbone=dict(
        type='mmwsss.TokenMapVisionTransformer',
        arch='deit-base',  # 12 blocks of 768 dimensions, 12 heads: the ViT-B of the paper
        img_size=_base_.img_size,
        patch_size=patch_size,
        load_interpolate_mode='bilinear',
        init_cfg=_base_.pretrained
        and dict(
            type='Pretrained',
            checkpoint='https://github.com/rwightman/pytorch-image-models/releases/download/'
            'v0.1-vitjx/jx_vit_base_p16_224-80ecf9dd.pth',
        ),
    ),
    head=dict(type='mmwsss.ClassTokenHead', num_classes=_base_.num_classes, in_channels=768),
)

teacher = dict(
    type='mmwsss.MapClassifier',
    with_image=True,
    data_preprocessor=imagenet,
    backbone=dict(
        type='ResNet',
        depth=50,
        strides=(1, 2, 2, 1),  # output stride 16, as the ViT's patches
        out_indices=(2, 3),
        **(dict(init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')) if _base_.pretrained else {}),
    ),
    head=dict(
        type='mmwsss.PCMHead',
        num_classes=_base_.num_classes,
        in_channels=(1024, 2048),
        map_channels='classes_and_extra',  # the paper's code; 'classes' has no untrained map
    ),
)
