# Small sibling of segmenter_supervised.py, from scratch.
_base_ = './segmenter_supervised.py'
epochs = 20
model = dict(
    pretrained=None,
    backbone=dict(embed_dims=96, num_layers=4, num_heads=3, patch_size=8),
    decode_head=dict(in_channels=96, channels=96, embed_dims=96, num_heads=3),
)
train_cfg = dict(max_epochs=epochs, val_interval=max(1, epochs // 4))
