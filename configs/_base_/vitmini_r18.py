# Small siblings of ViT-B/16 and ResNet-50 + PCM, for training from scratch. What lets the ViT learn from so few images:
# a convolutional stem in the place of one large projection, patches of 8 pixels, four blocks. What makes its maps good:
# a classifier on the patch tokens, whose class maps are the CAM, and a consistency loss on these maps. In the paper the
# classifier reads the class token and the loss acts on projected patch tokens; so set (head_type =
# 'mmwsss.ClassTokenHead', student_map = 'patch_tokens'), these small students classify better than their control but
# their Grad-CAM is hardly better. docs/results.md has the figures.
_base_ = './small.py'
patch_size = 8
embed_dims = 96
num_layers = 4
head_type = 'mmwsss.PooledHead'
teacher_maps = 'classes'  # 'classes_and_extra': the paper's untrained map beside them
student_init = None  # checkpoint to start from: of the same classifier, trained on generated scenes for example
teacher_init = None

imagenet = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)

student = dict(
    type='mmwsss.MapClassifier',
    init_cfg=student_init and dict(type='Pretrained', checkpoint=student_init),
    data_preprocessor=imagenet,
    backbone=dict(
        type='mmwsss.TokenMapVisionTransformer',
        arch=dict(
            embed_dims=embed_dims,
            num_layers=num_layers,
            num_heads=embed_dims // 32,
            feedforward_channels=3 * embed_dims,
        ),
        img_size=_base_.img_size,
        patch_size=patch_size,
        patch_cfg=dict(conv_type='mmwsss.ConvStem'),
    ),
    head=dict(type=head_type, num_classes=_base_.num_classes, in_channels=embed_dims),
)

teacher = dict(
    type='mmwsss.MapClassifier',
    init_cfg=teacher_init and dict(type='Pretrained', checkpoint=teacher_init),
    with_image=True,
    data_preprocessor=imagenet,
    backbone=dict(
        type='ResNet',
        depth=18,
        stem_channels=32,
        base_channels=32,  # half the width
        num_stages=3,
        strides=(1, 2, 1),  # output stride 8, as the student's patches
        dilations=(1, 1, 1),
        out_indices=(1, 2),
    ),
    head=dict(
        type='mmwsss.PCMHead',
        num_classes=_base_.num_classes,
        in_channels=(64, 128),
        map_channels=teacher_maps,
        feature_channels=32,
        correlation_channels=64,
    ),
)
