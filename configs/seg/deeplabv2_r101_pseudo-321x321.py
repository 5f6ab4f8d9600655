# DeepLab V2 (ResNet-101, output stride 8) on pseudo masks, as most weakly supervised work trains it: SGD, poly decay.
_base_ = './segformer_mit-b0_pseudo-512x512.py'
img_size = 321
batch_size = 10
epochs = 20
lr = 2.5e-3
_norm = dict(type='BN', requires_grad=True)
_pretrained = dict(init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet101')) if _base_.pretrained else {}
model = dict(
    _delete_=True,
    type='EncoderDecoder',
    data_preprocessor=dict(_base_.data_preprocessor, size=(img_size, img_size)),
    backbone=dict(
        type='ResNet',
        depth=101,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        norm_cfg=_norm,
        norm_eval=True,
        style='pytorch',
        **_pretrained,
    ),
    decode_head=dict(
        type='mmwsss.DeepLabV2Head',
        in_channels=2048,
        in_index=3,
        num_classes=_base_.num_classes + 1,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
train_pipeline = [
    *_base_.train_pipeline[:2],
    dict(
        type='RandomResize',
        scale=(img_size, img_size),
        ratio_range=(1.0, 1.0 / _base_.crop_ratio),
        keep_ratio=False,
    ),
    dict(type='RandomCrop', crop_size=(img_size, img_size)),
    *_base_.train_pipeline[4:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(type='Resize', scale=(img_size, img_size), keep_ratio=False),
    *_base_.test_pipeline[2:],
]
train_dataloader = dict(batch_size=batch_size, dataset=dict(pipeline=train_pipeline))
val_dataloader = _base_.val_dataloader and dict(batch_size=batch_size, dataset=dict(pipeline=test_pipeline))
test_dataloader = _base_.test_dataloader and dict(batch_size=batch_size, dataset=dict(pipeline=test_pipeline))
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=lr, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=10.0))),
)
param_scheduler = [
    dict(type='PolyLR', eta_min=0.0, power=0.9, by_epoch=True, begin=0, end=epochs, convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=epochs, val_interval=max(1, epochs // 4))
