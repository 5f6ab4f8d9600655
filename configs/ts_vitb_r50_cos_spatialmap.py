# Table 4.9: cosine of the maps' mean over channels. Its best row, though the paper calls the global loss best.
_base_ = './ts_vitb_r50_cos_global.py'
model = dict(
    kt_loss=dict(
        _delete_=True,
        type='mmwsss.KnowledgeTransferLoss',
        metric='cosine',
        level='spatial_map',
        loss_weight=_base_.kt_weight,
    )
)
