# Row "CRF + SAM" of Table 4.4 ("Ours + post-processing" of 4.2 and 4.3): CRF first, then SAM on its mask.
_base_ = ['./gradcam_ms_crf.py', '../_base_/sam.py']
pseudo = dict(refine=[_base_.crf_step, _base_.sam_step, _base_.cut_step])
