# Table 4.11b: AND with the seed.
_base_ = './gradcam_ms_sam.py'
strategy = 'and'
sam_step = dict(_base_.sam_step, strategy=strategy)
pseudo = dict(refine=[sam_step, _base_.cut_step])
