# Which parts of the plume model matter: segmentors that see composites alone, each with one part switched off or
# added, on real smoke. A composites' segmentor is unsure of real smoke, so that its scores are compared at the
# thresholds that are best on masks (oracle, and that of the validation set), which no way without masks may do.
_base_ = '../_base_/small_method.py'
kind = 'pipeline'
dataset_root = 'data/smoke5k_wsss'
work_dir = 'work_dirs/plume_parts'
title = 'Parts of the plume model'
img_size = 128
epochs = 10  # of 30 steps

data = 'configs/data/smoke5k_wsss.py'
data_options = dict(dataset_root=dataset_root)

_paste = 'train_dataloader.dataset.pipeline.5'  # PastePlume
_parts = dict(
    whole=dict(),
    no_texture=dict(ranges=dict(texture=(0.0, 0.0))),
    no_turbulence=dict(ranges=dict(turbulence=(0.0, 0.0))),
    no_relief=dict(ranges=dict(relief=(0.0, 0.0))),
    white_only=dict(ranges=dict(tones=(1.0, 0.0, 0.0), cast=0.0)),
    opaque=dict(ranges=dict(opacity=(0.95, 1.0), depth=(2.0, 5.0))),
    one_kind=dict(kinds=dict(drifting=1.0)),
    anywhere=dict(grounded=0.0, behind=0.0),
    at_skyline=dict(grounded=0.9, behind=0.7),
    no_grain=dict(grain=False, quality=None),
    lookalikes=dict(lookalike=0.3),
)
_size = dict(img_size=img_size, batch_size=_base_.batch_size, num_workers=_base_.num_workers)
_scores = dict(
    config='configs/pseudo/segmentor.py',
    options=dict(img_size=img_size, scales=[1.0], flip=False, alternate=False, batch_size=_base_.batch_size),
)
runs = dict(
    _delete_=True,
    **{
        name: dict(
            config='configs/seg/lite0_plumes.py',
            options=dict(**_size, epochs=epochs, **{f'{_paste}.{key}': value for key, value in part.items()}),
            scores=_scores,
        )
        for name, part in _parts.items()
    },
)
