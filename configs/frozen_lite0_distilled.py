# The head on kept features, guided by a trained teacher: cross-architecture consistency where nothing but the head, and
# with student_map='patch_tokens' the projection, has to learn. Without flips, so that the teacher's maps are kept, too:
# after the first epoch neither network runs.
_base_ = './frozen_lite0.py'
needs = dict(teacher_checkpoint='configs/r50_pcm.py')
teacher_checkpoint = 'work_dirs/r50_pcm/epoch_3.pth'  # of scale small, with teacher_maps=classes
student_map = 'class_maps'  # 'patch_tokens': projected; the loss then reaches the projection alone
kt_weight = 1.0

_student = dict(_base_.model)
_teacher_backbone = dict(
    type='mmwsss.TimmFeatures',
    name='tf_efficientnet_lite0',
    out_indices=(3, 4),
    output_stride=16,
)
model = dict(
    _delete_=True,
    type='mmwsss.CrossArchDistiller',
    student=_student,
    teacher=dict(
        type='mmwsss.MapClassifier',
        with_image=True,
        data_preprocessor=_student['data_preprocessor'],
        backbone=_teacher_backbone,
        head=dict(
            type='mmwsss.PCMHead',
            num_classes=_base_.num_classes,
            in_channels=(112, 320),
            map_channels='classes',
            hidden_channels=128,
            feature_channels=32,
            correlation_channels=64,
        ),
    ),
    teacher_checkpoint=teacher_checkpoint,
    teacher_command='python tools/train.py configs/r50_pcm.py --scale small --cfg-options teacher_maps=classes',
    student_map=student_map,
    neck=None
    if student_map == 'class_maps'
    else dict(type='mmwsss.FeatureProjectionNeck', in_channels=320, out_channels=_base_.num_classes),
    kt_loss=dict(type='mmwsss.CosineGlobalKTLoss', loss_weight=kt_weight),
    cache_teacher=True,
)
_plain = [transform for transform in _base_.train_pipeline if transform['type'] != 'RandomFlip']
train_dataloader = dict(dataset=dict(pipeline=_plain))
