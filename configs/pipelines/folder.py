# Your own images, with image labels and no masks at all:
#   python tools/pipeline.py configs/pipelines/folder.py --cfg-options dataset_root=/data/camera labels=labels.csv
# `labels` is a CSV (path,label) or a JSON below dataset_root; without it every class is a sub-folder of `images`.
kind = 'pipeline'
dataset_root = 'data/my_images'
images = ''  # folder of the images below dataset_root
labels = ''
negative_classes = ['negative', 'none', 'no_smoke', 'clear', 'background']  # names that mean "no class"
follow_links = False  # also read images that are links to somewhere outside the image folder
work_dir = 'work_dirs/my_images'
title = 'My images'
seed = 42
scale = 'small'  # 'paper': ViT-B and ResNet-50 at 512 pixels from ImageNet weights; needs a GPU
img_size = 96  # of the small networks
epochs = 20  # of the small networks
threshold = 0.5  # of the maps; without masks it cannot be chosen on any: look at the report and change it
pretrain_on_scenes = True  # start the small networks from generated smoke scenes; False where it is not about smoke

data = 'configs/data/image_folder.py'
data_options = dict(
    dataset_root=dataset_root,
    negative_classes=negative_classes,
    train_ann=labels or None,
    train_img=images,
    follow_links=follow_links,
)

_paper = scale == 'paper'
_starts = pretrain_on_scenes and not _paper
include = dict(pretrain='configs/pipelines/pretrain.py') if _starts else dict()
_net = dict() if _paper else dict(img_size=img_size, epochs=epochs, num_workers=1, lr=1e-3)
_maps = dict() if _paper else dict(img_size=img_size, scales=[1.0, 2.0], flip=True, size_divisor=8, batch_size=16)
_cam = dict() if _paper else dict(method='cam')
# the consistency loss of the small student acts on its own class maps: see _base_/vitmini_r18.py
_form = dict() if _paper else dict(head_type='mmwsss.PooledHead', teacher_maps='classes', student_map='class_maps')
runs = dict(
    teacher=dict(
        config='configs/r50_pcm.py',
        options=dict(_net, **({} if _paper else dict(teacher_maps='classes'))),
        inputs=dict(teacher_init='pretrain/teacher') if _starts else dict(),
    ),
    student=dict(
        config='configs/ts_vitb_r50_cos_global.py',
        options=dict(_net, **_form),
        inputs=dict(teacher_checkpoint='teacher', **(dict(student_init='pretrain/control') if _starts else {})),
    ),
    pseudo=dict(
        config='configs/pseudo/gradcam_ms_crf.py',
        of='student',
        options=dict(**_maps, **_cam, threshold=threshold, mask_threshold=0.5),
        match_crf=True,
    ),
    segmentor=dict(
        config='configs/seg/segformer_mit-b0_pseudo-512x512.py',
        masks='pseudo',
        options=dict()
        if _paper
        else dict(img_size=img_size, batch_size=16, epochs=epochs, lr=5e-4, num_workers=1, pretrained=False),
    ),
)
