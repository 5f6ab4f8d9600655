# Small sibling of conformer_s.py, from scratch: three blocks.
_base_ = './_base_/vitmini_r18.py'
model = dict(
    type='mmwsss.MapClassifier',
    data_preprocessor=_base_.imagenet,
    backbone=dict(
        type='mmwsss.MapConformer',
        arch=dict(embed_dims=96, depths=3, num_heads=3, channel_ratio=1),
        base_channels=32,
    ),
    head=dict(type='mmwsss.TransCAMHead', num_classes=_base_.num_classes, in_channels=(128, 96)),
)
