# Row "PCM" of Table 4.3: the teacher's own map, four scales, no refinement.
_base_ = './gradcam_ms.py'
method = 'pcm'
pseudo = dict(generator=dict(method=method))
