# Image labels for training, masks for evaluation only. Every plain value here is a variable: set it on the command
# line (--cfg-options dataset_root=...) or in a pipeline config, and everything below follows.
dataset_root = 'data/smoke5k_wsss'
num_classes = 1
classes = None  # None: those of the label file or of the class folders
negative_classes = ['no_smoke']  # what a label file calls images without any class
num_train_images = None  # use the first N images only

train_ann = 'annotations/train.json'
train_img = 'img_dir/train'
train_masks = 'train_masks_FOR_EVALUATION_OF_PSEUDO_MASKS_ONLY'  # only ever read to say how good pseudo masks are
train_context = None  # masks of what the class co-occurs with
val_ann = 'annotations/val.json'  # None: no validation
val_img = 'img_dir/val'
val_masks = 'ann_dir/val'
val_context = None
test_ann = 'annotations/test.json'  # None: no test
test_img = 'img_dir/test'
test_masks = 'ann_dir/test'
test_context = None

_set = dict(type='mmwsss.ImageLabelDataset', data_root=dataset_root, classes=classes, negative_classes=negative_classes)
train_set = dict(**_set, ann_file=train_ann or '', data_prefix=dict(img_path=train_img), indices=num_train_images)
pseudo_set = dict(
    **_set,
    ann_file=train_ann or '',
    data_prefix=dict(
        img_path=train_img,
        **(dict(seg_map_path=train_masks) if train_masks else {}),
        **(dict(context_path=train_context) if train_context else {}),
    ),
    indices=num_train_images,
    test_mode=True,
)
val_set = val_img and dict(
    **_set,
    ann_file=val_ann or '',
    data_prefix=dict(
        img_path=val_img,
        **(dict(seg_map_path=val_masks) if val_masks else {}),
        **(dict(context_path=val_context) if val_context else {}),
    ),
    test_mode=True,
)
test_set = test_img and dict(
    **_set,
    ann_file=test_ann or '',
    data_prefix=dict(
        img_path=test_img,
        **(dict(seg_map_path=test_masks) if test_masks else {}),
        **(dict(context_path=test_context) if test_context else {}),
    ),
    test_mode=True,
)
