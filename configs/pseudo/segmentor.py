# Pseudo masks of a segmentor for another round: probabilities of the classes of the image's label, averaged over two
# sizes, one of them mirrored. What is between two cuts gets the ignore label. Image labels choose the cuts: scores at
# which a pixel shows the class with the two probabilities of cut_posteriors. Both cuts are lowered for an image whose
# surest pixels are not sure. No mask is needed.
_base_ = '../_base_/data_sets.py'
kind = 'pseudo'
img_size = 256
scales = [0.625, 1.0]
flip = True
alternate = True  # mirror every second scale alone
size_divisor = 32
threshold = 0.5  # of the masks that the refined ones are compared with
cut_posteriors = (0.5, 0.8)  # None: ignore_band counts
cut_images = 400  # with the class, and as many without it, from which the cuts are chosen
ignore_band = (0.2, 0.5)  # where cut_posteriors is None
band_shares = (0.3, 0.7)  # of the 99 % quantile of the image's own probabilities
refiner = None  # before the cut: 'crf', 'par' (averages over neighbours of like colour), or the type of another refiner
bg_exponent = 1.0  # of the CRF: a larger one keeps weaker probabilities
crf_preset = 'supervised'
crf_max_side = None
crf_backend = 'auto'
par_iters = 20
par_max_side = 512  # larger pictures are refined at this size
save_cam = False
evaluation = 'masks'
batch_size = 16
num_workers = None  # processes that read pictures; None: some where there are four cores or more
workers = None  # processes that refine; None: as many as pay

_cuts = dict(posteriors=cut_posteriors, images=cut_images, band_shares=band_shares)
_band = dict(ignore_band=ignore_band, band_shares=band_shares)
crf_step = dict(
    type='mmwsss.CRFRefine',
    preset=crf_preset,
    bg_exponent=bg_exponent,
    max_side=crf_max_side,
    backend=crf_backend,
)
par_step = dict(type='mmwsss.PARRefine', num_iters=par_iters, max_side=par_max_side)
cut_step = dict(type='mmwsss.ThresholdMask', **({} if cut_posteriors else _band))

default_scope = 'mmpretrain'
custom_imports = dict(imports=['mmwsss'], allow_failed_imports=False)
pseudo = dict(
    dataset=_base_.pseudo_set,
    pipeline=[dict(type='Resize', scale=(img_size, img_size)), dict(type='PackInputs')],
    batch_size=batch_size,
    num_workers=num_workers,
    workers=workers,
    follow_links=_base_.follow_links,
    save_cam=save_cam,
    generator=dict(
        type='mmwsss.SegmentorMaps', scales=scales, flip=flip, alternate=alternate, size_divisor=size_divisor
    ),
    fusion=dict(type='mmwsss.LayerFusion', normalize=False),
    unrefined=dict(type='mmwsss.ThresholdMask', threshold=threshold),
    label_cuts=cut_posteriors and dict(dataset=_base_.pseudo_set, **_cuts),
    refine=[*([dict(crf=crf_step, par=par_step).get(refiner, dict(type=refiner))] if refiner else []), cut_step],
)
