# The teacher's own maps (row "PCM" of Table 4.3), refined by the CRF.
_base_ = './gradcam_ms_crf.py'
method = 'pcm'
pseudo = dict(generator=dict(method=method))
