# Not in the paper's tables: Score-CAM.
_base_ = './gradcam_ms.py'
method = 'scorecam'
pseudo = dict(generator=dict(method=method))
