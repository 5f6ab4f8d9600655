# Small teacher and student trained on generated scenes with image labels: a start for real images. No bias: chimneys
# are as frequent without smoke as with it.
kind = 'pipeline'
work_dir = 'work_dirs/pretrain'
title = 'Pre-training on generated scenes'
seed = 0
threshold = 'val'

scenes = dict(numbers=dict(train=1200, val=100, test=160), size=96, seed=0, train_bias=(0.5, 0.5), test_bias=(0.5, 0.5))
data = dict()

_small = dict(img_size=96, crop_ratio=1.0, jitter=0.0, num_workers=0, epochs=8)
_maps = dict(img_size=96, scales=[1.0, 2.0], size_divisor=8, batch_size=32)
pseudo = None
segmentor = None
teacher = dict(
    config='configs/r50_pcm.py',
    scale='small',
    variables=dict(**_small, teacher_maps='classes', lr=3e-3),
    maps=dict(config='configs/pseudo/pcm_ms_crf.py', variables=_maps),
)
control = dict(
    config='configs/vitb.py',
    scale='small',
    variables=dict(**_small, head_type='mmwsss.PooledHead', lr=1e-3),
    maps=dict(config='configs/pseudo/gradcam_ms_crf.py', variables=dict(**_maps, method='cam')),
)
