# The method as runs: a teacher with the pixel correlation module, the student alone (control), the student with the
# teacher, pseudo masks of the student's maps, a segmentor. Networks of scale "small" are EfficientNet-Lite0 from
# ImageNet and a vision transformer on it; teacher and student have the form whose maps measured best at this size:
# pooled patch tokens, and the consistency loss on the student's own class maps.
seed = 42
scale = 'small'
threshold = 'val'  # of the maps: best on the validation masks, a little pixel supervision; or a number
img_size = 160
batch_size = 16
num_workers = 1
epochs = 4  # of the classifiers
lr = 3e-4
crop_ratio = 0.5  # smallest share of the picture in a random crop; 1: none
jitter = 0.2
map_scales = [1.0, 2.0]
compare = True  # also train the control
segmentor_epochs = 10
segmentor_lr = 5e-4
corrections = None  # folder of corrected masks (mmwsss import), which win over the last pseudo masks
corrections_repeat = 1  # how often as other images a corrected one is shown
save_cam = False  # keep the maps beside the last pseudo masks: mmwsss review then has a threshold and an order

_small = scale != 'paper'
_size = dict(img_size=img_size, batch_size=batch_size, num_workers=num_workers)
_corrected = dict(corrections=corrections, corrections_repeat=corrections_repeat)
_net = dict(**_size, epochs=epochs, lr=lr, crop_ratio=crop_ratio, jitter=jitter) if _small else dict()
_pooled = dict(head_type='mmwsss.PooledHead') if _small else dict()
_classes = dict(teacher_maps='classes') if _small else dict()
_own_maps = dict(student_map='class_maps') if _small else dict()
_maps = dict(img_size=img_size, scales=map_scales, flip=True, size_divisor=16, batch_size=batch_size) if _small else {}
_cam = dict(
    config='configs/pseudo/gradcam_ms_crf.py', options=dict(**_maps, method='cam', mask_threshold=0.5) if _small else {}
)
_last = dict(config=_cam['config'], options=dict(_cam['options'], save_cam=save_cam))
runs = dict(
    teacher=dict(
        config='configs/r50_pcm.py',
        options=dict(**_net, **_classes),
        maps=dict(config='configs/pseudo/pcm_ms_crf.py', options=_maps),
    ),
    control=dict(config='configs/vitb.py', options=dict(**_net, **_pooled), maps=_cam) if compare else None,
    student=dict(
        config='configs/ts_vitb_r50_cos_global.py',
        options=dict(**_net, **_pooled, **_classes, **_own_maps),
        inputs=dict(teacher_checkpoint='teacher'),
        maps=_cam,
    ),
    pseudo=dict(**_last, of='student', match_crf=True),
    segmentor=dict(
        config='configs/seg/segformer_lite0_pseudo-192x192.py'
        if _small
        else 'configs/seg/segformer_mit-b0_pseudo-512x512.py',
        masks='pseudo',
        options=dict(
            **_corrected,
            **(dict(**_size, epochs=segmentor_epochs, lr=segmentor_lr) if _small else {}),
        ),
    ),
)
