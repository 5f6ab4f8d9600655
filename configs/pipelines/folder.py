# Your own images, with image labels and no masks at all:
#   python tools/pipeline.py configs/pipelines/folder.py --cfg-options dataset_root=/data/camera labels=labels.csv \
#     plumes=True
# `labels` is a CSV (path,label) or a JSON below dataset_root; without it every class is a sub-folder of `images`.
# `plumes` says what the pictures are about: True for smoke, steam or dust, of which some pictures show none.
_base_ = '../_base_/small_pipeline.py'
kind = 'pipeline'
dataset_root = 'data/my_images'
images = ''  # folder of the images below dataset_root
labels = ''
plumes = False
negative_classes = ['negative', 'none', 'no_smoke', 'clear', 'background']  # names that mean "no class"
follow_links = False  # also read images that are links to somewhere outside the image folder
work_dir = 'work_dirs/my_images'
title = 'My images'
scale = 'small'  # 'paper': ViT-B and ResNet-50 at 512 pixels from ImageNet weights; needs a GPU
threshold = 0.5  # of the maps; without masks it cannot be chosen on any: look at the report and change it
compare = False

# with plumes=True: frames that train nothing, to choose the last round and its threshold, to measure and to promise by
aside_share = 0.2  # of the blocks
blocks = None  # regular expression on paths: '(?P<camera>cam\\d+)_(?P<day>\\d{8})'
alpha = 0.1  # bound on the chance of a false alarm; two networks share it: 2 / alpha - 1 blocks are needed

data = 'configs/data/image_folder.py'
data_options = dict(
    dataset_root=dataset_root,
    negative_classes=negative_classes,
    train_ann=labels or None,
    train_img=images,
    follow_links=follow_links,
    **(dict(aside_share=aside_share, blocks=blocks) if plumes else {}),
)

_maps = dict(
    config='configs/pseudo/segmentor.py',
    options=dict(img_size=_base_.last_size, scales=[1.0], flip=False, alternate=False, batch_size=_base_.batch_size),
)
runs = (
    dict(
        bound=dict(_maps, action='calibrate', of='chosen', settings=dict(blocks=blocks, alpha=alpha, split='aside')),
        measured=dict(
            _maps,
            action='measure',
            of='chosen',
            settings=dict(blocks=blocks or r'([^/]+)$'),  # frames are one block each where no pattern tells more
        ),
    )
    if plumes
    else dict()
)
