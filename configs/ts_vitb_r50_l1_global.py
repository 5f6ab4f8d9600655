# Table 4.7: mean absolute difference of the whole maps.
_base_ = './ts_vitb_r50_cos_global.py'
model = dict(
    kt_loss=dict(
        _delete_=True, type='mmwsss.KnowledgeTransferLoss', metric='l1', level='global', loss_weight=_base_.kt_weight
    )
)
