# ACR's localisation: the gradient of a class's logit with respect to the last two blocks' attention, spread once by all
# blocks' attention; one scale, and the flip.
_base_ = './gradcam_ms.py'
method = 'acr'
scales = [1.0]
flip = True
per_scale_min_max = False
fusion_step = dict(normalize=not per_scale_min_max)
pseudo = dict(
    generator=dict(method=method, scales=scales, flip=flip, per_scale_min_max=per_scale_min_max),
    fusion=fusion_step,
    refine=[_base_.cut_step],
)
