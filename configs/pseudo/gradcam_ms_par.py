# Not in the paper's tables: the map averaged over neighbours of like colour (PAR of AFA).
_base_ = './gradcam_ms_crf.py'
par_iters = 10
par_max_side = 512  # larger pictures are refined at this size
par_step = dict(type='mmwsss.PARRefine', num_iters=par_iters, max_side=par_max_side)
pseudo = dict(refine=[par_step, _base_.cut_step])
