# PASCAL VOC 2012 after tools/dataset_converters/voc.py: trained on train_aug (10,582), tested on val (1,449). The protocols
# of tools/evaluate_cam.py name the other sets.
_base_ = '../_base_/data_variables.py'
dataset_root = 'data/VOCdevkit/VOC2012'
num_classes = 20
train_ann = 'annotations/train_aug.json'
train_img = 'JPEGImages'
train_masks = 'SegmentationClassAug'
val_ann = None
val_img = None
val_masks = None
test_ann = 'annotations/val.json'
test_img = 'JPEGImages'
test_masks = 'SegmentationClass'
