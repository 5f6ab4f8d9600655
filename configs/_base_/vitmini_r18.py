# Small networks in the place of ViT-B/16 and ResNet-50 + PCM, for training from scratch: scale "small". What lets the
# ViT learn from so few images: a convolutional stem in the place of one large projection, patches of 8 pixels, four
# blocks. In the paper's form, which stands here, these small students classify better than their control but their
# Grad-CAM is hardly better; what makes their maps good is our form, classifier and consistency loss on the student's
# own class maps:
# head_type=mmwsss.PooledHead student_map=class_maps teacher_maps=classes. docs/results.md has the figures.
_base_ = './small_recipe.py'
patch_size = 8
embed_dims = 96
num_layers = 4
head_type = 'mmwsss.ClassTokenHead'
student_map = 'patch_tokens'
teacher_maps = 'classes_and_extra'
student_init = None  # checkpoint to start from: of the same classifier, trained on generated scenes for example
teacher_init = None
teacher_command = 'python tools/train.py configs/r50_pcm.py --scale small'
pretrained = False  # these networks have no weights to fetch

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

projection = dict(
    type='mmwsss.FeatureProjectionNeck',
    in_channels=embed_dims,
    out_channels=_base_.num_classes + (teacher_maps == 'classes_and_extra'),
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

cnn = dict(
    type='mmwsss.MapClassifier',
    init_cfg=teacher_init and dict(type='Pretrained', checkpoint=teacher_init),
    data_preprocessor=imagenet,
    backbone=dict(teacher['backbone'], out_indices=(2,)),
    head=dict(type='mmwsss.PooledHead', num_classes=_base_.num_classes, in_channels=128),
)
deep_cnn = dict(cnn, init_cfg=None, backbone=dict(cnn['backbone'], depth=34))  # no start from the smaller network
