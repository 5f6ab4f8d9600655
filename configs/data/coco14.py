# COCO 2014 after tools/dataset_converters/coco.py COCO_ROOT data/coco14: pictures in COCO_ROOT, here linked or copied to
# data/coco14/img_dir/<split>.
_base_ = '../_base_/data_variables.py'
dataset_root = 'data/coco14'
num_classes = 80
train_ann = 'annotations/train2014.json'
train_img = 'img_dir/train2014'
train_masks = 'ann_dir/train2014'
val_ann = None
val_img = None
val_masks = None
test_ann = 'annotations/val2014.json'
test_img = 'img_dir/val2014'
test_masks = 'ann_dir/val2014'
