# Row "CRF + fusion" of Table 4.4a.
_base_ = './gradcam_ms_crf.py'
target_layers = [-5, -4, -2]
pseudo = dict(generator=dict(target_layers=target_layers))
