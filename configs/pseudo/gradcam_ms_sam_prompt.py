# Not in the paper: SAM prompted with the seed's boxes and points instead of voting among automatic masks.
_base_ = './gradcam_ms_sam.py'
pseudo = dict(refine=[dict(_base_.sam_step, mode='prompt'), _base_.cut_step])
