# In the place of segmenter_supervised.py at the scale small, from scratch.
_base_ = './segmenter_supervised.py'
epochs = 20
embed_dims = 96
model = dict(
    pretrained=None,
    backbone=dict(embed_dims=embed_dims, num_layers=4, num_heads=embed_dims // 32, patch_size=8),
    decode_head=dict(in_channels=embed_dims, channels=embed_dims, embed_dims=embed_dims, num_heads=embed_dims // 32),
)
train_cfg = dict(max_epochs=epochs, val_interval=max(1, epochs // 4))
