# Row "+ multi-scale" of Table 4.4: no refinement but the threshold.
_base_ = './gradcam_ms_crf.py'
evaluation = 'maps'
pseudo = dict(refine=[_base_.cut_step])
