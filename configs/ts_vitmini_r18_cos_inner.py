# Small sibling. Table 4.9: cosine of the Gram matrices of the channels.
_base_ = './ts_vitmini_r18_cos_global_tokens.py'
model = dict(
    kt_loss=dict(
        _delete_=True, type='mmwsss.KnowledgeTransferLoss', metric='cosine', level='inner', loss_weight=_base_.kt_weight
    )
)
