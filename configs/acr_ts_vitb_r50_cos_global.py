# ACR and cross-architecture distillation together: the distilled student is regularised.
_base_ = './ts_vitb_r50_cos_global.py'
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
        teacher_command='python tools/train.py configs/r50_pcm.py',
        neck=dict(type='mmwsss.FeatureProjectionNeck', in_channels=768, out_channels=_base_.map_channels),
        kt_loss=dict(type='mmwsss.CosineGlobalKTLoss', loss_weight=_base_.kt_weight),
    ),
    activation_weight=alpha,
    affinity_weight=alpha,
)
