# One stage against two: a classifier, its masks, a segmentor of them; and the segmentor that makes its own labels in
# training. Encoder, decoder, augmentation, the thresholds of the labels and the refinement by colours are the same. No
# mask is used to train or to choose anything. Epochs of segmentors have 30 steps.
seed = 1
scale = 'small'
threshold = 0.5
img_size = 160
batch_size = 16
num_workers = 1
lr = 3e-4  # of the classifier
crop_ratio = 0.5
classifier_epochs = 1
two_epochs = 6  # of the segmentor of the two stages
one_epochs = 14  # of the one stage: by CPU time of a step about as long as all of the two
one_scales = [1.0]  # of the maps of the one stage
low = 0.35  # thresholds of the labels
high = 0.55
balanced = True  # see configs/seg/one_stage_lite0.py; the two stages with composites have plain cross-entropy
composites = False  # both ways once more, half of each batch being smoke blended into smoke-free images
cross = False  # the one stage of a vision transformer also with the cross-architecture loss, after its teacher
pairs = False  # and with all-pairs consistency
teacher_epochs = 1

_size = dict(img_size=img_size, batch_size=batch_size, num_workers=num_workers)
_net = dict(**_size, lr=lr, crop_ratio=crop_ratio)
_maps = dict(img_size=img_size, scales=[1.0], size_divisor=16, batch_size=batch_size, method='cam')
_one = dict(**_size, epochs=one_epochs, balanced=balanced, low=low, high=high, map_scales=one_scales)
_one_of = dict(config='configs/seg/one_stage_lite0.py', options=_one)
runs = dict(
    classifier=dict(config='configs/r50.py', options=dict(**_net, epochs=classifier_epochs)),
    masks=dict(
        config='configs/pseudo/gradcam_ms_par.py',
        of='classifier',
        options=dict(**_maps, per_scale_min_max=False, ignore_band=(low, high)),
    ),
    two_stages=dict(
        config='configs/seg/lite0_pseudo.py',
        masks='masks',
        options=dict(**_size, epochs=two_epochs, balanced=balanced),
    ),
    one_stage=_one_of,
    two_stages_composites=dict(
        config='configs/seg/lite0_plumes_pseudo.py', masks='masks', options=dict(**_size, epochs=two_epochs)
    )
    if composites
    else None,
    one_stage_composites=dict(_one_of, config='configs/seg/one_stage_lite0_composites.py') if composites else None,
    teacher=dict(config='configs/r50_pcm.py', options=dict(**_net, epochs=teacher_epochs, teacher_maps='classes'))
    if cross
    else None,
    one_stage_vit=dict(_one_of, config='configs/seg/one_stage_lite0_vit.py') if cross or pairs else None,  # the control
    one_stage_cross=dict(
        _one_of, config='configs/seg/one_stage_lite0_cross.py', inputs=dict(teacher_checkpoint='teacher')
    )
    if cross
    else None,
    one_stage_pairs=dict(_one_of, config='configs/seg/one_stage_lite0_pairs.py') if pairs else None,
)
