# Your own images, with image labels and no masks at all:
#   python tools/pipeline.py configs/pipelines/folder.py --cfg-options dataset_root=/data/camera labels=labels.csv \
#     plumes=True blocks='(?P<camera>cam\d+)_(?P<day>\d{8})'
# `blocks` says what repeats itself (a day of a camera, by the pictures' names here): without it neighbours of the
# frames that choose and measure train the network, and nothing can be promised.
# `labels` is a CSV (path,label) or a JSON below dataset_root; without it every class is a sub-folder of `images`.
# `plumes` says what the pictures are about: True for smoke, steam or dust, of which some pictures show none. Otherwise
# a classifier's maps become masks, and these train a segmentor; method=True has the CNN teacher and the transformer in
# the classifier's place.
_base_ = '../_base_/small_pipeline.py'
kind = 'pipeline'
dataset_root = 'data/my_images'
images = ''  # folder of the images below dataset_root
labels = ''
plumes = False
method = False
negative_classes = ['negative', 'none', 'no_smoke', 'clear', 'background']  # names that mean "no class"
follow_links = False  # also read images that are links to somewhere outside the image folder
work_dir = 'work_dirs/my_images'
title = 'My images'
scale = 'small'  # 'paper': ViT-B and ResNet-50 at 512 pixels from ImageNet weights; needs a GPU
threshold = 0.5  # of the maps without plumes: no rule without masks did better (docs/no_masks.md)
max_alarms = None  # most of the images without a class that may have a mask above 1 % of the area; without plumes: 0.05
compare = False

# frames that train nothing, to choose the last round and its threshold, to measure and to promise by
aside_share = None  # of the blocks; None: 0.2 with plumes, else 0: then figures are of the training images
blocks = None  # regular expression on paths: '(?P<camera>cam\\d+)_(?P<day>\\d{8})'
block_table = None  # in its place a CSV below dataset_root, with
block_columns = ['path', 'block']  # these columns of the image and of its block
alpha = 0.1  # bound on the chance of a false alarm; two networks share it: 2 / alpha - 1 blocks are needed

_aside = (0.2 if plumes else 0.0) if aside_share is None else aside_share
data = 'configs/data/image_folder.py'
data_options = dict(
    dataset_root=dataset_root,
    negative_classes=negative_classes,
    train_ann=labels or None,
    train_img=images,
    follow_links=follow_links,
    aside_share=_aside,
    blocks=blocks,
    block_table=block_table,
    block_columns=block_columns,
)

_size = _base_.last_size if plumes else _base_.img_size if scale != 'paper' else 512  # as they were trained
_maps = dict(
    config='configs/pseudo/segmentor.py',
    of='chosen',
    options=dict(img_size=_size, scales=[1.0], flip=False, alternate=False, batch_size=_base_.batch_size),
)
# Where nothing can be generated, the threshold stays 0.5 (no rule without masks did better) unless too many images
# without the class have a mask: then it is the smallest at which few have.
_free = dict() if plumes else dict(composites=0)
_few = dict(rule='fixed_0.5', max_alarms=0.05 if max_alarms is None else max_alarms)
_final = {} if plumes else dict(
    chosen=dict(_maps, action='choose', of=['segmentor'], settings=dict(**_base_._frames, **_free, **_few)),
    final=dict(
        config=_base_.runs['segmentor']['config'],
        action='at_threshold',
        of='chosen',
        options=_base_.runs['segmentor']['options'],
    ),
)  # fmt: skip
runs = dict(
    **_final,
    bound=dict(
        _maps,
        action='calibrate',
        settings=dict(**_base_._blocks, alpha=alpha, **(dict(split='aside') if _aside else {})),
    ),
    measured=dict(
        _maps,
        action='measure',
        settings=dict(**_base_._frames, **_free),
    ),
)
