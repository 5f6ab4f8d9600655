# The way with the small networks (EfficientNet-Lite0 from ImageNet), which the pipelines share: a teacher with the
# pixel correlation module, the student alone (control), the student with the teacher, pseudo masks of its maps, a
# segmentor. Teacher and student use the form whose maps measured best at this size: pooled patch tokens, and the
# consistency loss on the student's own class maps. A pipeline says what its data are and what differs.
seed = 42
scale = 'small'
threshold = 'val'  # of the maps: best on the validation masks, a little pixel supervision; or a number
img_size = 160
epochs = 4  # of the classifiers
batch_size = 16
lr = 3e-4
crop_ratio = 0.5  # smallest share of the picture in a random crop; 1: none
jitter = 0.2
num_workers = 1
map_scales = [1.0, 2.0]
segmentor_epochs = 10
segmentor_lr = 5e-4

_net = dict(
    img_size=img_size,
    epochs=epochs,
    batch_size=batch_size,
    lr=lr,
    crop_ratio=crop_ratio,
    jitter=jitter,
    num_workers=num_workers,
)
_form = dict(head_type='mmwsss.PooledHead', teacher_maps='classes', student_map='class_maps')
_maps = dict(img_size=img_size, scales=map_scales, flip=True, size_divisor=16, batch_size=batch_size)
_cam = dict(config='configs/pseudo/gradcam_ms_crf.py', options=dict(**_maps, method='cam', mask_threshold=0.5))
runs = dict(
    teacher=dict(
        config='configs/r50_pcm.py',
        options=dict(**_net, teacher_maps='classes'),
        maps=dict(config='configs/pseudo/pcm_ms_crf.py', options=_maps),
    ),
    control=dict(config='configs/vitb.py', options=dict(**_net, head_type='mmwsss.PooledHead'), maps=_cam),
    student=dict(
        config='configs/ts_vitb_r50_cos_global.py',
        options=dict(**_net, **_form),
        inputs=dict(teacher_checkpoint='teacher'),
        maps=_cam,
    ),
    pseudo=dict(**_cam, of='student', match_crf=True),
    segmentor=dict(
        config='configs/seg/segformer_lite0_pseudo-192x192.py',
        masks='pseudo',
        options=dict(
            img_size=img_size, batch_size=batch_size, epochs=segmentor_epochs, lr=segmentor_lr, num_workers=num_workers
        ),
    ),
)
