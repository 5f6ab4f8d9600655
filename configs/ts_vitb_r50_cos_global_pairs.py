# The method's main row on the student's own class maps (pooled head), with composites and the counterfactual loss of
# _base_/pairs.py beside the consistency loss.
_base_ = ['./ts_vitb_r50_cos_global.py', './_base_/pairs.py']
control = 'configs/vitb_pairs.py'
model = dict(
    _delete_=True,
    **_base_.pair,
    model=dict(
        _base_.model,
        student=dict(_base_.model['student'], head=dict(_base_.model['student']['head'], type='mmwsss.PooledHead')),
        student_map='class_maps',
        neck=None,
        cache_teacher=False,  # composites change from epoch to epoch
    ),
)
train_pipeline = [*_base_.train_pipeline[:-1], dict(_base_.paste, seed=_base_.seed), _base_.pack_pairs]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
