# Table 4.11a: masks of 16 x 16 points.
_base_ = './gradcam_ms_sam.py'
points_per_side = 16
sam_step = dict(_base_.sam_step, points_per_side=points_per_side)
pseudo = dict(refine=[sam_step, _base_.cut_step])
