# Table 4.7 (and 4.9's "spatial map + norm", which has the same number): cosine at each position.
_base_ = './ts_vitb_r50_cos_global.py'
model = dict(
    kt_loss=dict(
        _delete_=True,
        type='mmwsss.KnowledgeTransferLoss',
        metric='cosine',
        level='spatial',
        loss_weight=_base_.kt_weight,
    )
)
