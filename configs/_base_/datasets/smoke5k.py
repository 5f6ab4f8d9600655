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
mask_values = None  # how masks with other values are read: {255: 1}, or [0, 255] in the order of the classes
follow_links = False  # also read images that are links to somewhere outside the image folder
context_by_class = False  # context masks have value k + 1 on what class k co-occurs with
# the test images split by the photo that they were cut from, to train on some masks and to test on the others
group_file = 'provenance/provenance_test.csv'  # says which photo a crop is from; None: every image is a photo
group_columns = ['id', 'source_photo']
pixel_share = 0.2  # share of the photos whose masks are used beside image labels

_set = dict(
    type='mmwsss.ImageLabelDataset',
    data_root=dataset_root,
    classes=classes,
    negative_classes=negative_classes,
    context_by_class=context_by_class,
    mask_values=mask_values,
    follow_links=follow_links,
)
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

_split = dict(type='mmwsss.PhotoSplitDataset', group_file=group_file, group_columns=group_columns)
_pixels = dict(pixels=pixel_share, rest=1 - pixel_share)
_supervised = dict(train=0.8, val=0.1, test=0.1)
pixel_set = test_set and dict(
    dict(test_set, **_split), part='pixels', shares=_pixels, with_masks=True, test_mode=False, check_files=False
)
heldout_set = test_set and dict(dict(test_set, **_split), part='rest', shares=_pixels)
supervised_train_set = test_set and dict(dict(test_set, **_split), part='train', shares=_supervised)
supervised_val_set = test_set and dict(dict(test_set, **_split), part='val', shares=_supervised)
supervised_test_set = test_set and dict(dict(test_set, **_split), part='test', shares=_supervised)
