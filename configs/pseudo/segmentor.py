# Pseudo masks of a segmentor for another round: probabilities of the classes of the image's label, averaged over flips,
# cut by a rule that needs no mask. Between the cuts is the ignore label; both are lowered for an image whose surest
# pixels are not sure.
_base_ = '../_base_/data_sets.py'
kind = 'pseudo'
img_size = 192
scales = [1.0]
flip = True
size_divisor = 32
threshold = 0.5  # of the masks that the refined ones are compared with
ignore_band = (0.2, 0.5)
band_shares = (0.3, 0.7)  # of the 99 % quantile of the image's own probabilities
save_cam = False
evaluation = 'masks'
batch_size = 16
num_workers = None  # processes that read pictures; None: some where there are four cores or more
workers = None  # processes that refine; None: as many as pay

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
    generator=dict(type='mmwsss.SegmentorMaps', scales=scales, flip=flip, size_divisor=size_divisor),
    fusion=dict(type='mmwsss.LayerFusion', normalize=False),
    unrefined=dict(type='mmwsss.ThresholdMask', threshold=threshold),
    refine=[dict(type='mmwsss.ThresholdMask', ignore_band=ignore_band, band_shares=band_shares)],
)
