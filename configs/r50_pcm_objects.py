# r50_pcm.py with the pasted objects of _base_/objects.py.
_base_ = ['./r50_pcm.py', './_base_/objects.py']
train_pipeline = [
    *_base_.train_pipeline[:-1],
    dict(_base_.paste, seed=_base_.seed),
    _base_.train_pipeline[-1],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
