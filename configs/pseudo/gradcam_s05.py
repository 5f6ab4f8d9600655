# Table 4.6: scale 0.5 alone.
_base_ = './gradcam_ms.py'
scales = [0.5]
pseudo = dict(generator=dict(scales=scales))
