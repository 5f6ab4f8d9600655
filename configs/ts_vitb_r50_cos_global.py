# The method's main row: ResNet-50 + PCM teaches ViT-B/16 by the global cosine consistency loss.
_base_ = './_base_/vitb_r50.py'
needs = dict(teacher_checkpoint='configs/r50_pcm.py')
control = 'configs/vitb.py'
teacher_checkpoint = 'work_dirs/r50_pcm/epoch_2.pth'
kt_weight = 1.0  # lambda
cache_teacher = False  # True keeps its maps in memory: for training without random augmentation

model = dict(
    type='mmwsss.CrossArchDistiller',
    paradigm='ts',
    student=_base_.student,
    teacher=_base_.teacher,
    teacher_checkpoint=teacher_checkpoint,
    cache_teacher=cache_teacher,
    teacher_command=_base_.teacher_command,
    student_map=_base_.student_map,
    neck=None if _base_.student_map == 'class_maps' else _base_.projection,
    kt_loss=dict(type='mmwsss.CosineGlobalKTLoss', loss_weight=kt_weight),
)
