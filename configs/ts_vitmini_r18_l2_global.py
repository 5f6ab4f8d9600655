# Small sibling. Table 4.7: Euclidean distance of the whole maps as the paper's code has it, whose weight grows with the
# root of the map's size: normalize_l2=True is the form that does not.
_base_ = './ts_vitmini_r18_cos_global_tokens.py'
model = dict(
    kt_loss=dict(
        _delete_=True,
        type='mmwsss.KnowledgeTransferLoss',
        metric='l2',
        level='global',
        normalize_l2=False,
        loss_weight=_base_.kt_weight,
    )
)
