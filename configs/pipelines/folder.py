# Your own images, with image labels and no masks at all:
#   python tools/pipeline.py configs/pipelines/folder.py --cfg-options dataset_root=/data/camera labels=labels.csv
# `labels` is a CSV (path,label) or a JSON below dataset_root; without it every class is a sub-folder of `images`.
kind = 'pipeline'
dataset_root = 'data/my_images'
images = ''  # folder of the images below dataset_root
labels = ''
negative_classes = ['negative', 'none', 'no_smoke', 'clear', 'background']  # names that mean "no class"
work_dir = 'work_dirs/my_images'
title = 'My images'
seed = 42
scale = 'small'  # 'paper': ViT-B and ResNet-50 at 512 pixels from ImageNet weights; needs a GPU
img_size = 96  # of the small networks
epochs = 20  # of the small networks
threshold = 0.5  # of the maps; without masks it cannot be chosen on any: look at the report and change it

data = dict(
    dataset_root=dataset_root,
    negative_classes=negative_classes,
    train_ann=labels,
    train_img=images,
    train_masks=None,
    val_ann=None,
    val_img=None,
    val_masks=None,
    test_ann=None,
    test_img=None,
    test_masks=None,
)

pretrain_on_scenes = True  # start the small networks from generated smoke scenes; False where it is not about smoke

_paper = scale == 'paper'
pretrain = dict(config='configs/pipelines/pretrain.py') if pretrain_on_scenes and not _paper else None
_net = dict() if _paper else dict(img_size=img_size, epochs=epochs, num_workers=1)
_maps = (
    dict()
    if _paper
    else dict(img_size=img_size, method='cam', scales=[1.0, 2.0], flip=True, size_divisor=8, batch_size=16)
)
teacher = dict(
    config='configs/r50_pcm.py',
    scale=scale,
    variables=dict(**_net, **({} if _paper else dict(teacher_maps='classes', lr=1e-3))),
    maps=dict(config='configs/pseudo/pcm_ms_crf.py', variables=dict(_maps, method='pcm')),
)
student = dict(
    config='configs/ts_vitb_r50_cos_global.py',
    scale=scale,
    variables=dict(
        **_net,
        **(
            {}
            if _paper
            else dict(head_type='mmwsss.PooledHead', student_map='class_maps', teacher_maps='classes', lr=1e-3)
        ),
    ),
)
pseudo = dict(config='configs/pseudo/gradcam_ms_crf.py', variables=dict(**_maps, mask_threshold=0.5), match_crf=True)
segmentor = dict(
    config='configs/seg/segformer_mit-b0_pseudo-512x512.py',
    variables=dict()
    if _paper
    else dict(img_size=img_size, batch_size=16, epochs=epochs, lr=5e-4, num_workers=1, pretrained=False),
)
