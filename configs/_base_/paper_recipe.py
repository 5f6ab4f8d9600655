# The recipe of arXiv 2507.21959: plain squash to 512 x 512, no augmentation, AdamW, 3 epochs, batch 8.
_base_ = ['./data_sets.py', './default_runtime.py']
kind = 'classifier'
img_size = 512
batch_size = 8
epochs = 3
lr = 1e-4
num_workers = 2
pretrained = True  # False: start from scratch, where the weights cannot be fetched

train_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='Resize', scale=(img_size, img_size)),
    dict(type='PackInputs'),
]
test_pipeline = train_pipeline

_loader = dict(num_workers=num_workers, persistent_workers=False, pin_memory=False)
train_dataloader = dict(
    **_loader,
    batch_size=batch_size,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(**_base_.train_set, pipeline=train_pipeline),
)
val_dataloader = _base_.val_set and dict(
    **_loader,
    batch_size=batch_size,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**_base_.val_set, pipeline=test_pipeline),
)
val_evaluator = _base_.val_set and dict(type='AveragePrecision')
test_dataloader = _base_.test_set and dict(
    **_loader,
    batch_size=batch_size,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**_base_.test_set, pipeline=test_pipeline),
)
test_evaluator = _base_.test_set and dict(type='AveragePrecision')

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=lr, weight_decay=0.01))
param_scheduler = []  # the paper's code has a step after 10 epochs, which 3 epochs never reach
train_cfg = dict(by_epoch=True, max_epochs=epochs, val_interval=1)
val_cfg = _base_.val_set and dict()
test_cfg = _base_.test_set and dict()
auto_scale_lr = dict(base_batch_size=batch_size)
