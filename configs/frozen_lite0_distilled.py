# The head on kept features, guided by a trained teacher: cross-architecture consistency where nothing but the head, and
# with student_map='patch_tokens' the projection, has to learn. Without flips, so that the teacher's maps are kept, too:
# after the first epoch neither network runs.
_base_ = './frozen_lite0_pcm.py'
needs = dict(teacher_checkpoint='configs/r50_pcm.py')
teacher_checkpoint = 'work_dirs/r50_pcm/epoch_3.pth'  # of scale small, with teacher_maps=classes
student_map = 'class_maps'  # 'patch_tokens': projected; the loss then reaches the projection alone
kt_weight = 1.0

_frozen = _base_.model.backbone
model = dict(
    _delete_=True,
    type='mmwsss.CrossArchDistiller',
    student=dict(
        type='mmwsss.MapClassifier',
        data_preprocessor=_base_.model.data_preprocessor,
        backbone=_frozen,
        head=dict(type=_base_.head_type, num_classes=_base_.num_classes, in_channels=320),
    ),
    teacher=dict(_base_.model, backbone=_frozen.get('backbone', _frozen)),  # the network itself, not what is kept
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
