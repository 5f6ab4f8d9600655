# Fully supervised training on the masks of 80 % of the test photos, val on 10 %, test on 10 %; by photo, never by crop.
_base_ = './data_sets.py'
kind = 'segmentor'
img_size = 512
batch_size = 8
epochs = 10
lr = 1e-4
num_workers = 2
pretrained = True  # False: start from scratch, where the weights cannot be fetched
seed = 42

default_scope = 'mmseg'
custom_imports = dict(imports=['mmwsss'], allow_failed_imports=False)
train_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='mmwsss.LoadSegMap'),
    dict(type='Resize', scale=(img_size, img_size), keep_ratio=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='Resize', scale=(img_size, img_size), keep_ratio=False),
    dict(type='mmwsss.LoadSegMap'),
    dict(type='PackSegInputs'),
]
_loader = dict(num_workers=num_workers, persistent_workers=False, pin_memory=False)
train_dataloader = dict(
    **_loader,
    batch_size=batch_size,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmwsss.SegmentationView', source=_base_.supervised_train_set, test_mode=False, pipeline=train_pipeline
    ),
)
_test = dict(**_loader, sampler=dict(type='DefaultSampler', shuffle=False))
val_dataloader = _base_.supervised_val_set and dict(
    **_test,
    batch_size=batch_size,
    dataset=dict(type='mmwsss.SegmentationView', source=_base_.supervised_val_set, pipeline=test_pipeline),
)
test_dataloader = _base_.supervised_test_set and dict(
    **_test,
    batch_size=batch_size,
    dataset=dict(type='mmwsss.SegmentationView', source=_base_.supervised_test_set, pipeline=test_pipeline),
)
val_evaluator = val_dataloader and dict(type='mmwsss.WeakSegMetric')
test_evaluator = test_dataloader and dict(type='mmwsss.WeakSegMetric')
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=lr, weight_decay=0.01))
param_scheduler = []
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=max(1, epochs // 4))
val_cfg = val_dataloader and dict(type='ValLoop')
test_cfg = test_dataloader and dict(type='TestLoop')
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, log_metric_by_epoch=True),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=1),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
env_cfg = dict(cudnn_benchmark=False, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
log_processor = dict(by_epoch=True)
randomness = dict(seed=seed)
log_level = 'INFO'
load_from = None
resume = False
visualizer = dict(type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')])
