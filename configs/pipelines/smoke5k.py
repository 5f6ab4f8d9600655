# Real smoke (data/smoke5k_wsss by default), small networks on a CPU.
#   python tools/pipeline.py configs/pipelines/smoke5k.py --cfg-options dataset_root=/path/to/smoke5k_wsss
kind = 'pipeline'
dataset_root = 'data/smoke5k_wsss'
work_dir = 'work_dirs/smoke5k'
title = 'Real smoke (smoke5k_wsss), image labels only'
seed = 42
threshold = 'val'  # chosen on the masks of the validation set: a little pixel supervision, said in every table
scale = 'small'
img_size = 96
epochs = 6

data = 'configs/data/smoke5k_wsss.py'
data_options = dict(dataset_root=dataset_root)

# Both networks, and the control, start from training on generated scenes with image labels. A trial (one seed, another
# learning rate) without it had a far weaker teacher: docs/results.md.
include = dict(pretrain='configs/pipelines/pretrain.py')

_small = dict(img_size=img_size, epochs=epochs, num_workers=1)
_maps = dict(img_size=img_size, scales=[1.0, 2.0], flip=True, size_divisor=8, batch_size=32)
# the consistency loss acts on the student's own class maps: see _base_/vitmini_r18.py
_form = dict(head_type='mmwsss.PooledHead', teacher_maps='classes')
_cam = dict(config='configs/pseudo/gradcam_ms_crf.py', options=dict(**_maps, method='cam', mask_threshold=0.5))
runs = dict(
    teacher=dict(
        config='configs/r50_pcm.py',
        options=dict(**_small, lr=1e-3, teacher_maps='classes'),
        inputs=dict(teacher_init='pretrain/teacher'),
        maps=dict(config='configs/pseudo/pcm_ms_crf.py', options=_maps),
    ),
    control=dict(
        config='configs/vitb.py',
        options=dict(**_small, lr=1e-3, head_type='mmwsss.PooledHead'),
        inputs=dict(student_init='pretrain/control'),
        maps=_cam,
    ),
    student=dict(
        config='configs/ts_vitb_r50_cos_global.py',
        options=dict(**_small, **_form, lr=1e-3, student_map='class_maps'),
        inputs=dict(teacher_checkpoint='teacher', student_init='pretrain/control'),
        maps=_cam,
    ),
    pseudo=dict(**_cam, of='student', match_crf=True),
    segmentor=dict(
        config='configs/seg/segformer_mit-b0_pseudo-512x512.py',
        masks='pseudo',
        options=dict(img_size=img_size, batch_size=16, epochs=6, num_workers=1, lr=5e-4, pretrained=False),
    ),
)
