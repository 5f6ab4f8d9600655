# All-pairs consistency on class maps of patch tokens (pooled head), with composites and the counterfactual loss of
# _base_/pairs.py.
_base_ = ['./acr_vitb_hybrid.py', './_base_/pairs.py']
model = dict(
    _delete_=True,
    **_base_.pair,
    model=dict(
        _base_.model,
        model=dict(_base_.model['model'], head=dict(_base_.model['model']['head'], type='mmwsss.PooledHead')),
    ),
)
train_pipeline = [*_base_.train_pipeline[:-1], dict(_base_.paste, seed=_base_.seed), _base_.pack_pairs]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
