# Small sibling of ACR and distillation together, in our form (the transfer loss acts on the student's class maps).
_base_ = './ts_vitmini_r18_cos_global.py'
alpha = 125.0
model = dict(
    _delete_=True,
    type='mmwsss.AllPairsConsistency',
    model=dict(
        type='mmwsss.CrossArchDistiller',
        paradigm='ts',
        student=_base_.student,
        teacher=_base_.teacher,
        teacher_checkpoint=_base_.teacher_checkpoint,
        teacher_command='python tools/train.py configs/r18_pcm.py',
        student_map='class_maps',
        kt_loss=dict(type='mmwsss.CosineGlobalKTLoss', loss_weight=_base_.kt_weight),
    ),
    activation_weight=alpha,
    affinity_weight=alpha,
)
