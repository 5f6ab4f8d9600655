# Table 4.11b: OR with the seed.
_base_ = './gradcam_ms_sam.py'
strategy = 'or'
pseudo = dict(refine=[dict(_base_.sam_step, strategy=strategy), _base_.cut_step])
