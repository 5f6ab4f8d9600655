# The small networks, of scale "small", in the place of ViT-B/16 and ResNet-50 + PCM: EfficientNet-Lite0 from ImageNet
# (pip install "mmwsss[pretrained]"). The teacher is the whole network with the pixel correlation module. The student is
# a vision transformer on its early stages: class token, patch tokens and attention as of any ViT, with features that
# know something already.
_base_ = './small_recipe.py'
pretrained = True  # False: start from scratch
weights = 'package://efficientnet-lite0'
deep_weights = 'package://efficientnet-lite2'  # of the deeper CNN that is only compared with
teacher_stride = 16  # 8: finer maps, about twice the time
patch_size = 16  # of the student, in pixels; a multiple of its stem's stride
stem_stage = 3  # last stage of the stem: 2 (stride 8, 40 channels), 3 (16, 112) or 4 (320)
stem_stride = 16  # largest stride inside the stem; with patch_size = 8 set 8
stem_norm_eval = False  # True: the stem's batch norms keep ImageNet's statistics
stem_frozen_stages = 0  # number of stages of the stem that do not learn
embed_dims = 192
num_layers = 4
head_type = 'mmwsss.ClassTokenHead'  # as in the paper; 'mmwsss.PooledHead'
student_map = 'patch_tokens'  # projected, as in the paper; 'class_maps': the student's own
teacher_maps = 'classes_and_extra'  # with the paper's untrained map; 'classes'
student_init = None  # checkpoint of a whole classifier to start from
teacher_init = None
teacher_command = 'python tools/train.py configs/r50_pcm.py --scale small'

# the name that all bases of networks give to it; these weights were trained with mean 127 and deviation 128
imagenet = dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0], to_rgb=True)
_weights = dict(init_cfg=dict(type='Pretrained', checkpoint=weights)) if pretrained else dict()

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
        stem=dict(
            type='mmwsss.FeatureStem',
            backbone=dict(
                type='mmwsss.TimmFeatures',
                name='tf_efficientnet_lite0',
                out_indices=(stem_stage,),
                output_stride=stem_stride,
                frozen_stages=stem_frozen_stages,
                norm_eval=stem_norm_eval,
                **_weights,
            ),
        ),
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
        type='mmwsss.TimmFeatures',
        name='tf_efficientnet_lite0',
        out_indices=(3, 4),  # 112 and 320 channels on one grid
        output_stride=teacher_stride,
        **_weights,
    ),
    head=dict(
        type='mmwsss.PCMHead',
        num_classes=_base_.num_classes,
        in_channels=(112, 320),
        map_channels=teacher_maps,
        hidden_channels=128,
        feature_channels=32,
        correlation_channels=64,
    ),
)

cnn = dict(
    type='mmwsss.MapClassifier',
    init_cfg=teacher_init and dict(type='Pretrained', checkpoint=teacher_init),
    data_preprocessor=imagenet,
    backbone=dict(teacher['backbone'], out_indices=(4,)),
    head=dict(type='mmwsss.PooledHead', num_classes=_base_.num_classes, in_channels=320),
)
deep_cnn = dict(
    cnn,
    init_cfg=None,
    backbone=dict(
        cnn['backbone'],
        name='tf_efficientnet_lite2',
        init_cfg=dict(type='Pretrained', checkpoint=deep_weights) if pretrained else None,
    ),
    head=dict(cnn['head'], in_channels=352),
)
