# Table 4.2 "SAM fine-tuning": frozen encoders, trained mask decoder and task embedding; Adam 1e-4, 10 epochs, batch 1,
# 1024 pixels, threshold .3. ViT-B as in the table (the code has ViT-H: arch = 'vit_h').
_base_ = '../_base_/supervised_seg.py'
img_size = 1024
batch_size = 1
sam_arch = 'vit_b'
sam_checkpoint = 'weights/sam_vit_b_01ec64.pth'
_resize = dict(type='Resize', scale=(img_size, img_size), keep_ratio=False)
train_pipeline = [*_base_.train_pipeline[:2], _resize, *_base_.train_pipeline[3:]]
test_pipeline = [_base_.test_pipeline[0], _resize, *_base_.test_pipeline[2:]]
model = dict(
    type='mmwsss.SAMFinetuner',
    num_classes=_base_.num_classes,
    arch=sam_arch,
    checkpoint=sam_checkpoint,
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=(img_size, img_size),
        pad_val=0,
        seg_pad_val=255,
    ),
)
train_dataloader = dict(batch_size=batch_size, dataset=dict(pipeline=train_pipeline))
val_dataloader = _base_.supervised_val_set and dict(batch_size=batch_size, dataset=dict(pipeline=test_pipeline))
test_dataloader = _base_.supervised_test_set and dict(batch_size=batch_size, dataset=dict(pipeline=test_pipeline))
optim_wrapper = dict(optimizer=dict(_delete_=True, type='Adam', lr=_base_.lr))
