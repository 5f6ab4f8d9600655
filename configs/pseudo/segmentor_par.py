# The same averaged over neighbours of like colour (PAR of AFA) before the cut.
_base_ = './segmentor.py'
par_iters = 20
par_max_side = 512  # larger pictures are refined at this size
par_step = dict(type='mmwsss.PARRefine', num_iters=par_iters, max_side=par_max_side)
pseudo = dict(refine=[par_step, *_base_.pseudo.refine])
