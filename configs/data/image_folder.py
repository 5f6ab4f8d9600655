# Your own images with image labels and no masks: a sub-folder a class below dataset_root, or train_ann='labels.csv', a
# CSV (path,label) or a JSON below dataset_root.
_base_ = '../_base_/data_variables.py'
dataset_root = 'data/my_images'
negative_classes = ['negative', 'none', 'no_smoke', 'clear', 'background']
train_ann = None
train_img = ''  # folder of the images below dataset_root
val_ann = None
val_img = None
val_masks = None
test_ann = None
test_img = None
test_masks = None
