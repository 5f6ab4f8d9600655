# Real photographs of many classes: clothing, tags of people as image labels, small networks on a CPU.
#   python tools/pipeline.py configs/pipelines/ccp.py --cfg-options dataset_root=/path/to/ccp_wsss
kind = 'pipeline'
dataset_root = 'data/ccp_wsss'
work_dir = 'work_dirs/ccp'
title = 'Clothing (ccp_wsss), tags only'
seed = 42
threshold = 'val'  # chosen on the masks of the validation set: a little pixel supervision
img_size = 96
epochs = 10

data = dict(
    dataset_root=dataset_root,
    negative_classes=[],
    train_masks=None,
    val_context='context_dir/val',
    test_context='context_dir/test',
    group_file=None,
)

_small = dict(img_size=img_size, epochs=epochs, num_workers=1, crop_ratio=0.7)
_maps = dict(img_size=img_size, scales=[1.0, 2.0], flip=True, size_divisor=8, batch_size=32)
teacher = dict(
    config='configs/r50_pcm.py',
    scale='small',
    variables=dict(**_small, teacher_maps='classes', lr=2e-3),
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
    variables=dict(img_size=img_size, batch_size=16, epochs=10, lr=5e-4, num_workers=1, pretrained=False),
)
