# Recipe for small networks that learn on a few hundred to a few thousand images, on a CPU in minutes. It is ours and
# not the paper's, which has no augmentation, a constant rate and 3 epochs.
_base_ = ['./data_sets.py', './default_runtime.py']
kind = 'classifier'
img_size = 96
batch_size = 32
epochs = 10
lr = 1e-3
num_workers = 1
crop_ratio = 0.5  # smallest share of the picture in a random crop; 1: none
jitter = 0.2  # brightness, contrast and saturation

train_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='RandomResizedCrop', scale=img_size, crop_ratio_range=(crop_ratio, 1.0), aspect_ratio_range=(0.9, 1.1)),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='ColorJitter', brightness=jitter, contrast=jitter, saturation=jitter, backend='cv2'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='Resize', scale=(img_size, img_size)),
    dict(type='PackInputs'),
]

_loader = dict(batch_size=batch_size, num_workers=num_workers, persistent_workers=False, pin_memory=False)
train_dataloader = dict(
    **_loader,
    drop_last=True,  # a last batch of one image would break batch norm
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(**_base_.train_set, pipeline=train_pipeline),
)
val_dataloader = _base_.val_set and dict(
    **_loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**_base_.val_set, pipeline=test_pipeline),
)
val_evaluator = _base_.val_set and dict(type='AveragePrecision')
test_dataloader = _base_.test_set and dict(
    **_loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**_base_.test_set, pipeline=test_pipeline),
)
test_evaluator = _base_.test_set and dict(type='AveragePrecision')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=lr, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=1, end=epochs, eta_min=1e-6, convert_to_iter_based=True),
][: min(epochs, 2)]
train_cfg = dict(by_epoch=True, max_epochs=epochs, val_interval=max(1, epochs // 4))
val_cfg = _base_.val_set and dict()
test_cfg = _base_.test_set and dict()
