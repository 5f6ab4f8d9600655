# One stage with a vision transformer on the early stages of EfficientNet-Lite0 as encoder; the decoder reads its patch
# map.
_base_ = './one_stage_lite0.py'
embed_dims = 192
num_layers = 4
patch_size = 16

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmwsss.TokenMapVisionTransformer',
        arch=dict(
            embed_dims=embed_dims,
            num_layers=num_layers,
            num_heads=embed_dims // 32,
            feedforward_channels=3 * embed_dims,
        ),
        img_size=_base_.img_size,
        patch_size=patch_size,
        stem=dict(type='mmwsss.FeatureStem', backbone=dict(_base_.model.backbone, out_indices=(3,))),
    ),
    neck=dict(type='mmwsss.PatchMapNeck'),
    decode_head=dict(in_channels=[embed_dims], in_index=[0]),
    classifier=dict(head=dict(in_channels=embed_dims)),
)
