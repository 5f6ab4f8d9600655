# Row "+ SAM" of Tables 4.4 and 4.11: masks of 32 x 32 points, COPY.
_base_ = ['./gradcam_ms_crf.py', '../_base_/sam.py']
pseudo = dict(refine=[_base_.sam_step, _base_.cut_step])
