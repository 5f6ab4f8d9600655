# In the place of sam_vitb_finetune.py at the scale small: a SAM of toy size, from a checkpoint of that size.
_base_ = './sam_vitb_finetune.py'
img_size = 256
sam_arch = None
sam_checkpoint = 'weights/sam_mini.pth'
_arch = dict(_delete_=True, embed_dim=96, depth=4, num_heads=3, global_attn_indexes=(1, 3), image_size=img_size)
_resize = dict(type='Resize', scale=(img_size, img_size), keep_ratio=False)
train_pipeline = [*_base_.train_pipeline[:2], _resize, *_base_.train_pipeline[3:]]
test_pipeline = [_base_.test_pipeline[0], _resize, *_base_.test_pipeline[2:]]
model = dict(arch=_arch, checkpoint=sam_checkpoint, data_preprocessor=dict(size=(img_size, img_size)))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = _base_.supervised_val_set and dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = _base_.supervised_test_set and dict(dataset=dict(pipeline=test_pipeline))
