# The network of ACR, a hybrid of ResNetV2-50 and ViT-B/16, and how it is trained here: AdamW, batch 16, 384 pixels. The
# classifier reads the class token before the last norm.
_base_ = './paper_recipe.py'
img_size = 384
batch_size = 16
epochs = 10
lr = 2e-5
crop_ratio = 0.5  # smallest share of the picture in a random crop

imagenet = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
student = dict(
    type='mmwsss.MapClassifier',
    data_preprocessor=imagenet,
    backbone=dict(
        type='mmwsss.TokenMapVisionTransformer',
        arch='deit-base',
        img_size=img_size,
        patch_size=16,
        patch_cfg=dict(conv_type='mmwsss.HybridStem'),
        final_norm=False,
        interpolate_mode='bilinear',
        init_cfg=_base_.pretrained
        and dict(
            type='Pretrained',
            checkpoint='https://github.com/rwightman/pytorch-image-models/releases/download/'
            'v0.1-vitjx/jx_vit_base_resnet50_384-9fd3c705.pth',
        ),
    ),
    head=dict(type='mmwsss.ClassTokenHead', num_classes=_base_.num_classes, in_channels=768),
)
train_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='RandomResizedCrop', scale=img_size, crop_ratio_range=(crop_ratio, 1.0)),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [_base_.test_pipeline[0], dict(type='Resize', scale=(img_size, img_size)), dict(type='PackInputs')]
train_dataloader = dict(batch_size=batch_size, dataset=dict(pipeline=train_pipeline))
val_dataloader = _base_.val_set and dict(batch_size=batch_size, dataset=dict(pipeline=test_pipeline))
test_dataloader = _base_.test_set and dict(batch_size=batch_size, dataset=dict(pipeline=test_pipeline))
optim_wrapper = dict(optimizer=dict(lr=lr))
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=True, end=epochs, convert_to_iter_based=True)]
train_cfg = dict(max_epochs=epochs)
auto_scale_lr = dict(base_batch_size=batch_size)
