# Table 4.6: scale 1.0 alone (row "w/o" of Table 4.4).
_base_ = './gradcam_ms.py'
scales = [1.0]
pseudo = dict(generator=dict(scales=scales))
