# The same with a CRF on the segmentor's probabilities.
_base_ = './segmentor.py'
refiner = 'crf'
pseudo = dict(refine=[_base_.crf_step, _base_.cut_step])
