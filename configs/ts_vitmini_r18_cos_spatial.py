# Small sibling. Table 4.7 (and 4.9's "spatial map + norm", which has the same number): cosine at each position.
_base_ = './ts_vitmini_r18_cos_global_tokens.py'
model = dict(
    kt_loss=dict(
        _delete_=True,
        type='mmwsss.KnowledgeTransferLoss',
        metric='cosine',
        level='spatial',
        loss_weight=_base_.kt_weight,
    )
)
