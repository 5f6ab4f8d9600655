# The main row with a foundation model as the student: ResNet-50 + PCM teaches DINOv3's ViT-B/16.
_base_ = './vitb_dinov3.py'
needs = dict(teacher_checkpoint='configs/r50_pcm.py')
control = 'configs/vitb_dinov3.py'
teacher_checkpoint = 'work_dirs/r50_pcm/epoch_2.pth'
kt_weight = 1.0  # lambda
cache_teacher = False  # True keeps its maps in memory: for training without random augmentation

model = dict(
    _delete_=True,
    type='mmwsss.CrossArchDistiller',
    paradigm='ts',
    student=_base_.model,
    teacher=_base_.teacher,
    teacher_checkpoint=teacher_checkpoint,
    cache_teacher=cache_teacher,
    teacher_command=_base_.teacher_command,
    student_map=_base_.student_map,
    neck=None if _base_.student_map == 'class_maps' else dict(_base_.projection, in_channels=_base_.vit_channels),
    kt_loss=dict(type='mmwsss.CosineGlobalKTLoss', loss_weight=kt_weight),
)
