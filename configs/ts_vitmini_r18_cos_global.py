# Small sibling of the method's main row: ResNet-18 + PCM teaches a four-block ViT.
_base_ = './_base_/vitmini_r18.py'
teacher_checkpoint = 'work_dirs/r18_pcm/epoch_10.pth'
kt_weight = 1.0  # lambda
cache_teacher = False  # True keeps its maps in memory: for training without random augmentation
student_map = (
    'class_maps'  # the loss acts on the student's CAM itself; 'patch_tokens': on projected patch tokens (paper)
)
map_channels = _base_.num_classes + (_base_.teacher_maps == 'classes_and_extra')

model = dict(
    type='mmwsss.CrossArchDistiller',
    paradigm='ts',
    student=_base_.student,
    teacher=_base_.teacher,
    teacher_checkpoint=teacher_checkpoint,
    cache_teacher=cache_teacher,
    teacher_command='python tools/train.py configs/r18_pcm.py',
    student_map=student_map,
    neck=None
    if student_map == 'class_maps'
    else dict(type='mmwsss.FeatureProjectionNeck', in_channels=_base_.embed_dims, out_channels=map_channels),
    kt_loss=dict(type='mmwsss.CosineGlobalKTLoss', loss_weight=kt_weight),
)
