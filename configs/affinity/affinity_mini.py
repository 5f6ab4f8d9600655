# In the place of affinity_r50.py at the scale small, from scratch: output stride 8.
_base_ = './affinity_r50.py'
img_size = 96
model = dict(
    data_preprocessor=dict(size=(img_size, img_size)),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.ResNet',
        depth=18,
        stem_channels=32,
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 1),
        dilations=(1, 1, 1),
        out_indices=(0, 1, 2),
    ),
    in_channels=(32, 64, 128),
    channels=(32, 64, 128),
)
train_pipeline = [
    *_base_.train_pipeline[:2],
    dict(type='Resize', scale=(img_size, img_size), keep_ratio=False),
    *_base_.train_pipeline[3:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
