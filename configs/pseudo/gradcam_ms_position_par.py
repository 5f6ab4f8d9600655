# Not in the paper's tables: the map weighed by where its class mostly is in the training images, as their maps say;
# then averaged over neighbours of like colour. For pictures in which things have their place; no mask is read.
_base_ = './gradcam_ms_par.py'
position_exponent = 3.0
position_images = 100  # with each class, whose maps are averaged
position_prior_file = None  # position_prior.npz of an earlier run; None makes it from the training images
position_step = dict(type='mmwsss.PositionPrior', file=position_prior_file, exponent=position_exponent)
pseudo = dict(
    position_prior=dict(dataset=_base_.pseudo_set, images=position_images),
    refine=[position_step, dict(_base_.par_step, keep_maximum=True), _base_.cut_step],
)
