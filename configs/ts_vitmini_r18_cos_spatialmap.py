# Small sibling. Table 4.9: cosine of the maps' mean over channels. Its best row, though the paper calls the global loss
# best.
_base_ = './ts_vitmini_r18_cos_global_tokens.py'
model = dict(
    kt_loss=dict(
        _delete_=True,
        type='mmwsss.KnowledgeTransferLoss',
        metric='cosine',
        level='spatial_map',
        loss_weight=_base_.kt_weight,
    )
)
