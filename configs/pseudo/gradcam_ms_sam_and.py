# Table 4.11b: AND with the seed.
_base_ = './gradcam_ms_sam.py'
strategy = 'and'
pseudo = dict(refine=[dict(_base_.sam_step, strategy=strategy), _base_.cut_step])
