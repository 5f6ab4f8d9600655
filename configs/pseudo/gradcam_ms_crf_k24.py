# Table 4.11c: background exponent 24 (gradcam_ms_crf.py has the best, 16).
_base_ = './gradcam_ms_crf.py'
bg_exponent = 24.0
crf_step = dict(_base_.crf_step, bg_exponent=bg_exponent)
pseudo = dict(refine=[crf_step, _base_.cut_step])
