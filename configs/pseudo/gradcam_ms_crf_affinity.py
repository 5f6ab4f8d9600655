# Row "CRF + AffinityNet" of Table 4.4.
_base_ = ['./gradcam_ms_crf.py', '../_base_/affinity.py']
pseudo = dict(refine=[_base_.crf_step, _base_.affinity_step, _base_.cut_step])
