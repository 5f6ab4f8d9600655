# Several classes on generated scenes: boats, cars, trees and kites, each mostly with its surrounding (train: 0.9 with
# the class, 0.1 without; test: 0.5 and 0.5).
kind = 'pipeline'
work_dir = 'work_dirs/shapes'
title = 'Generated scenes of several classes'
seed = 0
threshold = 'val'  # the threshold of the maps is chosen on the validation masks
epochs = 8
img_size = 64

scenes = dict(
    kind='shapes',
    numbers=dict(train=800, val=100, test=160),
    size=img_size,
    seed=0,
    train_bias=(0.9, 0.1),
    test_bias=(0.5, 0.5),
)
data = dict()

_small = dict(img_size=img_size, crop_ratio=1.0, jitter=0.0, num_workers=0, epochs=epochs)
_maps = dict(img_size=img_size, scales=[1.0, 2.0], size_divisor=8, batch_size=32)
teacher = dict(
    config='configs/r50_pcm.py',
    scale='small',
    variables=dict(**_small, teacher_maps='classes', lr=3e-3),
    maps=dict(config='configs/pseudo/pcm_ms_crf.py', variables=_maps),
)
_vit = dict(**_small, head_type='mmwsss.PooledHead', lr=1e-3)
control = dict(config='configs/vitb.py', scale='small', variables=_vit)
student = dict(
    config='configs/ts_vitb_r50_cos_global.py',
    scale='small',
    variables=dict(**_vit, student_map='class_maps', teacher_maps='classes'),
)
pseudo = dict(
    config='configs/pseudo/gradcam_ms_crf.py', variables=dict(**_maps, method='cam', mask_threshold=0.5), match_crf=True
)
segmentor = dict(
    config='configs/seg/segformer_mit-b0_pseudo-512x512.py',
    variables=dict(img_size=img_size, batch_size=16, epochs=6, lr=5e-4, num_workers=0, pretrained=False),
)
