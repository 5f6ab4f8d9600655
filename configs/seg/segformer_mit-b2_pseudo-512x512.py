# The same with SegFormer-B2.
_base_ = './segformer_mit-b0_pseudo-512x512.py'
checkpoint = 'https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/segformer/mit_b2_20220624-66e8bf70.pth'
model = dict(
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint) if _base_.pretrained else None,
        embed_dims=64,
        num_heads=[1, 2, 5, 8],
        num_layers=[3, 4, 6, 3],
    ),
    decode_head=dict(in_channels=[64, 128, 320, 512]),
)
