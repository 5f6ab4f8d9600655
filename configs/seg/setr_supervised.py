# Table 4.2 "SERT": MMSegmentation's SETR in the size of the paper's code (width 1024, 6 layers, 16 heads, from random
# weights), SGD .05, 1 epoch. Splits by photo; the code's overlap.
_base_ = ['mmseg::_base_/models/setr_naive.py', '../_base_/supervised_seg.py']
epochs = 1
lr = 0.05
num_layers = 6
embed_dims = 1024
model = dict(
    pretrained=None,
    data_preprocessor=dict(size=(_base_.img_size, _base_.img_size)),
    backbone=dict(
        img_size=(_base_.img_size, _base_.img_size),
        embed_dims=embed_dims,
        num_layers=num_layers,
        out_indices=(num_layers - 1,),
        drop_rate=0.0,
    ),
    decode_head=dict(
        in_channels=embed_dims,
        in_index=0,
        num_classes=_base_.num_classes + 1,
        norm_cfg=dict(type='BN', requires_grad=True),
    ),
    auxiliary_head=None,
)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=lr, momentum=0.9))
train_cfg = dict(max_epochs=epochs, val_interval=max(1, epochs // 4))
