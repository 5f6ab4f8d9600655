# Table 4.9: cosine of the Gram matrices of the channels.
_base_ = './ts_vitb_r50_cos_global.py'
model = dict(
    kt_loss=dict(
        _delete_=True, type='mmwsss.KnowledgeTransferLoss', metric='cosine', level='inner', loss_weight=_base_.kt_weight
    )
)
