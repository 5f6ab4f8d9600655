# ACR as its released code really trains: batch 1 on one GPU (its data-parallel wrapper is by-passed, so gradients are
# never joined), SGD with momentum 5e-4 and no weight decay (the optimiser's arguments are in the wrong order), lr .05,
# poly .9; long side to 345 .. 438 pixels, zero-padded crop of 384. Four such runs went side by side and one was kept:
# 10 epochs of a quarter of the images, about 2.5 epochs.
_base_ = './acr_vitb_hybrid.py'
batch_size = 1
lr = 0.05
max_iters = 26450
train_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='RandomChoiceResize', scales=[(side, side) for side in range(345, 439)], keep_ratio=True),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='RandomCrop', crop_size=384, pad_if_needed=True, pad_val=0),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=batch_size, sampler=dict(type='InfiniteSampler', shuffle=True), dataset=dict(pipeline=train_pipeline)
)
val_dataloader = _base_.val_set and dict(batch_size=batch_size)
test_dataloader = _base_.test_set and dict(batch_size=batch_size)
auto_scale_lr = dict(base_batch_size=batch_size)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=lr, momentum=5e-4, weight_decay=0.0))
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, end=max_iters)]
train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=max_iters))
