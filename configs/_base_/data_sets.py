# The data sets of all configs, from the variables that describe the data: --data configs/data/voc12.py takes others.
_base_ = '../data/smoke5k_wsss.py'

_set = dict(
    type='mmwsss.ImageLabelDataset',
    data_root=_base_.dataset_root,
    classes=_base_.classes or None,
    negative_classes=_base_.negative_classes,
    context_by_class=_base_.context_by_class,
    mask_values=_base_.mask_values,
    follow_links=_base_.follow_links,
)
train_set = dict(
    **_set,
    ann_file=_base_.train_ann or '',
    data_prefix=dict(img_path=_base_.train_img),
    indices=_base_.num_train_images,
)
pseudo_set = dict(
    **_set,
    ann_file=_base_.train_ann or '',
    data_prefix=dict(
        img_path=_base_.train_img,
        **(dict(seg_map_path=_base_.train_masks) if _base_.train_masks else {}),
        **(dict(context_path=_base_.train_context) if _base_.train_context else {}),
    ),
    indices=_base_.num_train_images,
    test_mode=True,
)
aside_set = None
if _base_.aside_share:
    _aside = dict(
        type='mmwsss.PhotoSplitDataset',
        **(
            dict(group_file=_base_.block_table, group_columns=_base_.block_columns)
            if _base_.block_table
            else dict(group_pattern=_base_.blocks)
        ),
        shares=dict(train=1 - _base_.aside_share, aside=_base_.aside_share),
    )
    aside_set = dict(dict(pseudo_set, **_aside), part='aside')
    train_set = dict(dict(train_set, **_aside), part='train')
    pseudo_set = dict(dict(pseudo_set, **_aside), part='train')
val_set = (_base_.val_img or None) and dict(
    **_set,
    ann_file=_base_.val_ann or '',
    data_prefix=dict(
        img_path=_base_.val_img,
        **(dict(seg_map_path=_base_.val_masks) if _base_.val_masks else {}),
        **(dict(context_path=_base_.val_context) if _base_.val_context else {}),
    ),
    test_mode=True,
)
test_set = (_base_.test_img or None) and dict(
    **_set,
    ann_file=_base_.test_ann or '',
    data_prefix=dict(
        img_path=_base_.test_img,
        **(dict(seg_map_path=_base_.test_masks) if _base_.test_masks else {}),
        **(dict(context_path=_base_.test_context) if _base_.test_context else {}),
    ),
    test_mode=True,
)

_split = dict(type='mmwsss.PhotoSplitDataset', group_file=_base_.group_file, group_columns=_base_.group_columns)
_pixels = dict(pixels=_base_.pixel_share, rest=1 - _base_.pixel_share)
_supervised = dict(train=0.8, val=0.1, test=0.1)
pixel_set = test_set and dict(
    dict(test_set, **_split), part='pixels', shares=_pixels, with_masks=True, test_mode=False, check_files=False
)
heldout_set = test_set and dict(dict(test_set, **_split), part='rest', shares=_pixels)
supervised_train_set = test_set and dict(dict(test_set, **_split), part='train', shares=_supervised)
supervised_val_set = test_set and dict(dict(test_set, **_split), part='val', shares=_supervised)
supervised_test_set = test_set and dict(dict(test_set, **_split), part='test', shares=_supervised)
