# Table 4.6: scale 2.0 alone.
_base_ = './gradcam_ms.py'
scales = [2.0]
pseudo = dict(generator=dict(scales=scales))
