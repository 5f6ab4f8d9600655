# Table 4.7: cosine over positions, of all pairs of channels as in the paper's code; pairs='matched' compares equals.
_base_ = './ts_vitb_r50_cos_global.py'
model = dict(
    kt_loss=dict(
        _delete_=True,
        type='mmwsss.KnowledgeTransferLoss',
        metric='cosine',
        level='channel',
        loss_weight=_base_.kt_weight,
    )
)
