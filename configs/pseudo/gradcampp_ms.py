# Not in the paper's tables: Grad-CAM++.
_base_ = './gradcam_ms.py'
method = 'gradcampp'
pseudo = dict(generator=dict(method=method))
