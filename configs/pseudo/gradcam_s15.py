# Table 4.6: scale 1.5 alone.
_base_ = './gradcam_ms.py'
scales = [1.5]
pseudo = dict(generator=dict(scales=scales))
