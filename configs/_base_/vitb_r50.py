# The paper's two networks: ViT-B/16 student and ResNet-50 + PCM teacher. Bases of other networks (lite0.py),
# which a scale puts in the place of this one, have the same names: head_type, student_map, teacher_maps, student_init,
# teacher_init, teacher_command, patch_size; student, projection, teacher, cnn, deep_cnn.
_base_ = './paper_recipe.py'
patch_size = 16
head_type = 'mmwsss.ClassTokenHead'  # 'mmwsss.PooledHead': a classifier on the patch tokens, which has class maps
student_map = 'patch_tokens'  # what the consistency loss acts on: projected; 'class_maps': the student's own CAM
teacher_maps = 'classes_and_extra'  # the paper's code; 'classes' has no untrained map
student_init = None  # checkpoint of the same classifier to start from
teacher_init = None
teacher_command = 'python tools/train.py configs/r50_pcm.py'

imagenet = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)

student = dict(
    type='mmwsss.MapClassifier',
    init_cfg=student_init and dict(type='Pretrained', checkpoint=student_init),
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
    head=dict(type=head_type, num_classes=_base_.num_classes, in_channels=768),
)

# from patch tokens to as many maps as the teacher has
projection = dict(
    type='mmwsss.FeatureProjectionNeck',
    in_channels=768,
    out_channels=_base_.num_classes + (teacher_maps == 'classes_and_extra'),
)

teacher = dict(
    type='mmwsss.MapClassifier',
    init_cfg=teacher_init and dict(type='Pretrained', checkpoint=teacher_init),
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
        map_channels=teacher_maps,
    ),
)

# plain networks, pooled features and a linear layer
cnn, deep_cnn = [
    dict(
        type='mmwsss.MapClassifier',
        init_cfg=teacher_init and dict(type='Pretrained', checkpoint=teacher_init),
        data_preprocessor=imagenet,
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
    for depth in (50, 101)
]
