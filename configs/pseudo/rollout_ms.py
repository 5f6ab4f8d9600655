# Not in the paper's tables: attention rollout.
_base_ = './gradcam_ms.py'
method = 'rollout'
pseudo = dict(generator=dict(method=method))
