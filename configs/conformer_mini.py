# In the place of conformer_s.py at the scale small, from scratch: three blocks.
_base_ = './_base_/small_recipe.py'
model = dict(
    type='mmwsss.MapClassifier',
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
    backbone=dict(
        type='mmwsss.MapConformer',
        arch=dict(embed_dims=96, depths=3, num_heads=3, channel_ratio=1),
        base_channels=32,
    ),
    head=dict(type='mmwsss.TransCAMHead', num_classes=_base_.num_classes, in_channels=(128, 96)),
)
