# The same averaged over neighbours of like colour (PAR of AFA) before the cut.
_base_ = './segmentor.py'
refiner = 'par'
pseudo = dict(refine=[_base_.par_step, _base_.cut_step])
