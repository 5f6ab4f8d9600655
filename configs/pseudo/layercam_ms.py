# Not in the paper's tables: LayerCAM.
_base_ = './gradcam_ms.py'
method = 'layercam'
pseudo = dict(generator=dict(method=method))
