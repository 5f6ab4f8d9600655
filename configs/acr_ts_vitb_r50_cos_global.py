# ACR and cross-architecture distillation together: the distilled student is regularised.
_base_ = './ts_vitb_r50_cos_global.py'
alpha = 125.0
model = dict(
    _delete_=True,
    type='mmwsss.AllPairsConsistency',
    model=dict(_base_.model, cache_teacher=False),  # each image is seen in two views
    activation_weight=alpha,
    affinity_weight=alpha,
)
