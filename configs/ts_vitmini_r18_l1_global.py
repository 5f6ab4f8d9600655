# Small sibling. Table 4.7: mean absolute difference of the whole maps.
_base_ = './ts_vitmini_r18_cos_global_tokens.py'
model = dict(
    kt_loss=dict(
        _delete_=True, type='mmwsss.KnowledgeTransferLoss', metric='l1', level='global', loss_weight=_base_.kt_weight
    )
)
