# AffinityNet on the maps of a make_pseudo run with save_cam=True (`cam_root`). ResNet-50 as in the table (the paper's
# code has ResNet-101); Adam 1e-4, 10 epochs, as in the code; trained on the training images, not on the test crops.
_base_ = '../_base_/supervised_seg.py'
kind = 'affinity'
needs = dict(cam_root='pseudo')
cam_root = 'work_dirs/cams'
epochs = 10
fg_threshold = 0.3
bg_threshold = 0.05
model = dict(
    type='mmwsss.AffinityNet',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(_base_.img_size, _base_.img_size),
    ),
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=50,
        strides=(1, 2, 2, 1),  # output stride 16: a grid of 32 x 32
        out_indices=(1, 2, 3),
        **(dict(init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')) if _base_.pretrained else {}),
    ),
    in_channels=(512, 1024, 2048),
)
train_pipeline = [
    dict(type='mmwsss.LoadPicture'),
    dict(type='mmwsss.LoadCamLabels', fg_threshold=fg_threshold, bg_threshold=bg_threshold),
    dict(type='Resize', scale=(_base_.img_size, _base_.img_size), keep_ratio=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = None
train_dataloader = dict(
    dataset=dict(_delete_=True, type='mmwsss.CamLabelDataset', cam_root=cam_root, pipeline=train_pipeline)
)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='Adam', lr=_base_.lr))
train_cfg = dict(max_epochs=epochs)
val_dataloader = val_evaluator = val_cfg = None
test_dataloader = test_evaluator = test_cfg = None
