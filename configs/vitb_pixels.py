# Table 4.1 "image + limited pixel": image labels of the training images, and masks of a share of the test photos; test
# on the other photos (configs/pseudo/gradcam_ms_heldout.py). 2 epochs at 1e-5, as in the paper's code.
_base_ = './vitb.py'
epochs = 2
lr = 1e-5
train_cfg = dict(max_epochs=epochs)
optim_wrapper = dict(optimizer=dict(lr=lr))
pixel_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='mmwsss.LoadSegMap'),
    dict(type='Resize', scale=(_base_.img_size, _base_.img_size)),
    dict(type='PackInputs', algorithm_keys=('gt_seg_map',)),
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        ignore_keys=['image_root'],
        datasets=[
            dict(_base_.train_set, pipeline=pixel_pipeline),
            dict(_base_.pixel_set or _base_.train_set, pipeline=pixel_pipeline),
        ],
    )
)
model = dict(type='mmwsss.PixelLabelClassifier', pixel_weight=1.0)
