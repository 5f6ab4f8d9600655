# The variables that describe a data set, and their defaults. A file in configs/data, or one of your own for --data,
# sets those that differ; configs/_base_/data_sets.py makes data sets of them.
kind = 'data'
dataset_root = 'data'  # all other paths are below it
num_classes = 1
classes = []  # names; []: those of the label file or of the class folders
negative_classes = []  # what a label file calls images without any class
num_train_images = None  # use the first N images only
mask_values = (
    None  # what values in masks for evaluation mean, where they are not 0, 1, ...: {255: 1, 'other': 'ignore'}
)
follow_links = False  # also read images that are links to somewhere outside the image folder

# labels (CSV or JSON; None: a sub-folder a class), images, masks for evaluation only, masks of what co-occurs
train_ann = 'annotations/train.json'
train_img = 'img_dir/train'
train_masks = None  # only ever read to say how good pseudo masks are
train_context = None
val_ann = 'annotations/val.json'
val_img = 'img_dir/val'  # None or empty: no validation
val_masks = 'ann_dir/val'
val_context = None
test_ann = 'annotations/test.json'
test_img = 'img_dir/test'  # None or empty: no test
test_masks = 'ann_dir/test'
test_context = None
context_by_class = False  # context masks have value k + 1 on what class k co-occurs with

# the test images split by the photo that they were cut from, to train on some masks and to test on the others
group_file = None  # says which photo an image is from; None: every image is a photo
group_columns = ['id', 'source_photo']
pixel_share = 0.2  # share of the photos whose masks are used beside image labels

# frames with labels kept out of the training set, to choose, measure and promise by; blocks stay whole
aside_share = 0.0  # share of the blocks
blocks = None  # regular expression on paths, with groups camera, day, hour or block; None: every image is a block
block_table = None  # a CSV below dataset_root in its place, with
block_columns = ['path', 'block']  # these columns of the image and of its block
