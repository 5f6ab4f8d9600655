# Small sibling of ACR and distillation together, in the papers' forms.
_base_ = './ts_vitmini_r18_cos_global_tokens.py'
alpha = 125.0
model = dict(
    _delete_=True,
    type='mmwsss.AllPairsConsistency',
    model=dict(
        type='mmwsss.CrossArchDistiller',
        paradigm='ts',
        student=dict(_base_.student, head=dict(_base_.student.head, type='mmwsss.ClassTokenHead')),
        teacher=dict(_base_.teacher, head=dict(_base_.teacher.head, map_channels=_base_.teacher_maps)),
        teacher_checkpoint=_base_.teacher_checkpoint,
        teacher_command='python tools/train.py configs/r18_pcm_extra.py',
        neck=dict(type='mmwsss.FeatureProjectionNeck', in_channels=_base_.embed_dims, out_channels=_base_.map_channels),
        kt_loss=dict(type='mmwsss.CosineGlobalKTLoss', loss_weight=_base_.kt_weight),
    ),
    activation_weight=alpha,
    affinity_weight=alpha,
)
