# Both: the map spread over patches with like features, then averaged over neighbours of like colour.
_base_ = './gradcam_ms_features.py'
par_iters = 10
par_max_side = 512  # larger pictures are refined at this size
par_step = dict(type='mmwsss.PARRefine', num_iters=par_iters, max_side=par_max_side)
pseudo = dict(refine=[_base_.feature_step, par_step, _base_.cut_step])
