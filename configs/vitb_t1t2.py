# Table 4.1 "T1 + T2": the student without a teacher, on the training images and the test images with their image
# labels. It is tested on images that it was trained on (without their masks).
_base_ = './vitb.py'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        ignore_keys=['image_root'],
        datasets=[
            dict(_base_.train_set, pipeline=_base_.train_pipeline),
            *([dict(_base_.test_set, test_mode=False, pipeline=_base_.train_pipeline)] if _base_.test_set else []),
        ],
    )
)
