# A round of self-training: half of each epoch are pseudo masks of images with smoke, half are smoke-free images into
# which smoke is blended, whose masks are exact. Strides 4 to 16 of EfficientNet-Lite0, put together at stride 8.
_base_ = './segformer_lite0_pseudo-192x192.py'
img_size = 192
batch_size = 16
epochs = 20
steps_per_epoch = 30
lr = 5e-4
output_stride = 16
head_channels = 64
segmentor_init = None  # checkpoint of a whole segmentor to start from, such as the one that made the masks
crop_ratio = 0.63  # smallest side of a crop, share of the picture's
plume_chance = 0.55  # of smoke in a smoke-free image
plume_cut = 0.2  # opacity from which on generated smoke belongs to the mask
lookalike_chance = 0.0  # of a cloud, haze, fog, glare or dirt, with smoke and without
class_index = 0  # of smoke among the classes

model = dict(
    init_cfg=segmentor_init and dict(type='Pretrained', checkpoint=segmentor_init),
    data_preprocessor=dict(size=(img_size, img_size)),
    backbone=dict(output_stride=output_stride),
    decode_head=dict(
        in_channels=[40, 24, 112, 320],
        in_index=[1, 0, 2, 3],  # maps get the size of the first one: stride 8
        channels=head_channels,
        loss_decode=[
            dict(type='CrossEntropyLoss', loss_weight=1.0, avg_non_ignore=True),
            dict(type='mmwsss.ForegroundDiceLoss', loss_weight=0.5),
        ],
    ),
)

_crop = [
    dict(type='RandomResize', scale=(img_size, img_size), ratio_range=(1.0, 1.0 / crop_ratio), keep_ratio=False),
    dict(type='RandomCrop', crop_size=(img_size, img_size)),
    dict(type='RandomFlip', prob=0.5),
]
_colours = [
    dict(type='PhotoMetricDistortion', contrast_range=(0.75, 1.25), saturation_range=(0.6, 1.4), hue_delta=4),
    dict(type='mmpretrain.GaussianBlur', magnitude_range=(0.3, 1.2), magnitude_std='inf', prob=0.5),
    dict(type='PackSegInputs'),
]
train_pipeline = [dict(type='mmwsss.LoadPicture'), dict(type='mmwsss.LoadSegMap'), *_crop, *_colours]
plume_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='mmwsss.EmptySegMap'),
    *_crop,
    dict(
        type='mmwsss.PastePlume',
        prob=plume_chance,
        class_index=class_index,
        cut=plume_cut,
        lookalike=lookalike_chance,
        seed=_base_.seed,
    ),
    *_colours,
]
test_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='Resize', scale=(img_size, img_size), keep_ratio=False),
    dict(type='mmwsss.LoadSegMap'),
    dict(type='PackSegInputs'),
]
composites = dict(
    type='mmwsss.NegativeView',
    source=_base_.train_set,
    at_least=batch_size * steps_per_epoch,
    pipeline=plume_pipeline,
)
pseudo_masks = dict(
    type='mmwsss.PseudoMaskDataset',
    pseudo_root=_base_.pseudo_root,
    positives_only=True,
    corrections=_base_.corrections,
    corrections_repeat=_base_.corrections_repeat,
    pipeline=train_pipeline,
)
train_dataloader = dict(
    batch_size=batch_size,
    sampler=dict(_delete_=True, type='mmwsss.ShareSampler', epoch_size=batch_size * steps_per_epoch),
    dataset=dict(_delete_=True, type='ConcatDataset', datasets=[pseudo_masks, composites]),
)
_test = dict(batch_size=batch_size, dataset=dict(pipeline=test_pipeline))
val_dataloader = _base_.val_dataloader and _test
test_dataloader = _base_.test_dataloader and _test

# warm-up and cosine of one cycle, by steps; the network's early layers know something already
steps = epochs * steps_per_epoch
warm_up = max(round(0.15 * steps), 1)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=lr, weight_decay=0.02),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.3), decode_head=dict(lr_mult=2.0))),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.04, by_epoch=False, begin=0, end=warm_up),
    dict(type='CosineAnnealingLR', eta_min_ratio=1e-5, by_epoch=False, begin=warm_up, end=steps),
][: min(steps, 2)]
train_cfg = dict(max_epochs=epochs, val_interval=max(1, epochs // 4))
custom_hooks = [dict(type='mmwsss.SetEpochHook')]
