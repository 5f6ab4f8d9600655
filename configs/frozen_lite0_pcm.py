# As frozen_lite0.py, with the pixel correlation module on the kept features.
_base_ = './frozen_lite0.py'
model = dict(
    with_image=True,
    head=dict(
        _delete_=True,
        type='mmwsss.PCMHead',
        num_classes=_base_.num_classes,
        in_channels=(112, 320),
        map_channels='classes',
        hidden_channels=128,
        feature_channels=32,
        correlation_channels=64,
    ),
)
