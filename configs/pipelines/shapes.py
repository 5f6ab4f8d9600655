# Several classes on generated scenes: boats, cars, trees and kites, each mostly with its surrounding (train: 0.9 with
# the class, 0.1 without; test: 0.5 and 0.5).
kind = 'pipeline'
work_dir = 'work_dirs/shapes'
title = 'Generated scenes of several classes'
seed = 0
threshold = 'val'  # the threshold of the maps is chosen on the validation masks
scale = 'small'
epochs = 8
img_size = 64

data = 'configs/data/shapes_scenes.py'
generate = dict(
    numbers=dict(train=800, val=100, test=160), size=img_size, seed=0, train_bias=(0.9, 0.1), test_bias=(0.5, 0.5)
)

_small = dict(img_size=img_size, crop_ratio=1.0, jitter=0.0, num_workers=0, epochs=epochs)
_maps = dict(img_size=img_size, scales=[1.0, 2.0], size_divisor=8, batch_size=32)
# the consistency loss acts on the student's own class maps: see _base_/vitmini_r18.py
_form = dict(head_type='mmwsss.PooledHead', teacher_maps='classes')
_cam = dict(config='configs/pseudo/gradcam_ms_crf.py', options=dict(**_maps, method='cam', mask_threshold=0.5))
runs = dict(
    teacher=dict(
        config='configs/r50_pcm.py',
        options=dict(**_small, lr=3e-3, teacher_maps='classes'),
        maps=dict(config='configs/pseudo/pcm_ms_crf.py', options=_maps),
    ),
    control=dict(
        config='configs/vitb.py',
        options=dict(**_small, lr=1e-3, head_type='mmwsss.PooledHead'),
        maps=_cam,
    ),
    student=dict(
        config='configs/ts_vitb_r50_cos_global.py',
        options=dict(**_small, **_form, lr=1e-3, student_map='class_maps'),
        inputs=dict(teacher_checkpoint='teacher'),
        maps=_cam,
    ),
    pseudo=dict(**_cam, of='student', match_crf=True),
    segmentor=dict(
        config='configs/seg/segformer_mit-b0_pseudo-512x512.py',
        masks='pseudo',
        options=dict(img_size=img_size, batch_size=16, epochs=6, num_workers=0, lr=5e-4, pretrained=False),
    ),
)
