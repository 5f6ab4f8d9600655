# In the place of setr_supervised.py at the scale small.
_base_ = './setr_supervised.py'
epochs = 20
num_layers = 4
embed_dims = 96
model = dict(
    backbone=dict(
        embed_dims=embed_dims,
        num_heads=embed_dims // 32,
        num_layers=num_layers,
        out_indices=(num_layers - 1,),
        patch_size=8,
    ),
    decode_head=dict(in_channels=embed_dims, channels=64),
)
train_cfg = dict(max_epochs=epochs, val_interval=max(1, epochs // 4))
