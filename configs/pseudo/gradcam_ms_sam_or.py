# Table 4.11b: OR with the seed.
_base_ = './gradcam_ms_sam.py'
strategy = 'or'
sam_step = dict(_base_.sam_step, strategy=strategy)
pseudo = dict(refine=[sam_step, _base_.cut_step])
