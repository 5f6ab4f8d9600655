# vitb.py with the pasted objects of _base_/objects.py.
_base_ = ['./vitb.py', './_base_/objects.py']
train_pipeline = [
    *_base_.train_pipeline[:-1],
    dict(_base_.paste, seed=_base_.seed),
    _base_.train_pipeline[-1],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
