# Real smoke (data/smoke5k_wsss by default), small networks from scratch on a CPU.
#   python tools/pipeline.py configs/pipelines/smoke5k.py --cfg-options dataset_root=/path/to/smoke5k_wsss
kind = 'pipeline'
dataset_root = 'data/smoke5k_wsss'
work_dir = 'work_dirs/smoke5k'
title = 'Real smoke (smoke5k_wsss), image labels only'
seed = 42
threshold = 'val'  # chosen on the masks of the validation set: a little pixel supervision, said in every table
img_size = 96
epochs = 6

data = dict(dataset_root=dataset_root)

# Both networks, and the control, start from training on generated scenes with image labels. A trial (one seed, another
# learning rate) without it had a far weaker teacher: docs/results.md.
pretrain = dict(config='configs/pipelines/pretrain.py')

_small = dict(img_size=img_size, num_workers=1)
_maps = dict(img_size=img_size, scales=[1.0, 2.0], flip=True, size_divisor=8, batch_size=32)
teacher = dict(
    config='configs/r50_pcm.py',
    scale='small',
    variables=dict(**_small, teacher_maps='classes', epochs=epochs, lr=1e-3),
    maps=dict(config='configs/pseudo/pcm_ms_crf.py', variables=_maps),
)
_vit = dict(**_small, head_type='mmwsss.PooledHead', epochs=epochs, lr=1e-3)
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
    variables=dict(img_size=img_size, batch_size=16, epochs=6, lr=5e-4, num_workers=1, pretrained=False),
)
