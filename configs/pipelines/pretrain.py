# Small teacher and student trained on generated scenes with image labels: a start for real images. No bias: chimneys
# are as frequent without smoke as with it.
kind = 'pipeline'
work_dir = 'work_dirs/pretrain'
title = 'Pre-training on generated scenes'
seed = 0
threshold = 'val'
scale = 'small'

data = 'configs/data/plume_scenes.py'
generate = dict(
    numbers=dict(train=1200, val=100, test=160), size=96, seed=0, train_bias=(0.5, 0.5), test_bias=(0.5, 0.5)
)

_small = dict(img_size=96, crop_ratio=1.0, jitter=0.0, num_workers=0, epochs=8)
_maps = dict(img_size=96, scales=[1.0, 2.0], size_divisor=8, batch_size=32)
runs = dict(
    teacher=dict(
        config='configs/r50_pcm.py',
        options=dict(**_small, lr=3e-3, teacher_maps='classes'),
        maps=dict(config='configs/pseudo/pcm_ms_crf.py', options=_maps),
    ),
    control=dict(
        config='configs/vitb.py',
        options=dict(**_small, lr=1e-3, head_type='mmwsss.PooledHead'),
        maps=dict(config='configs/pseudo/gradcam_ms_crf.py', options=dict(**_maps, method='cam')),
    ),
)
