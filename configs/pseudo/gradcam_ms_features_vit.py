# Not in the paper's tables: the map spread over patches with like features of a self-supervised vision transformer, by
# timm's name (DINOv2, DINOv3, EVA-02, ...); the normalisation that belongs to the weights is timm's.
_base_ = './gradcam_ms_features.py'
vit_name = 'vit_small_patch14_dinov2.lvd142m'
vit_weights = 'timm://vit_small_patch14_dinov2.lvd142m'  # or a file
vit_side = 518  # longer side of the picture that the network sees; rounded to its patches
vit_step = dict(
    type='mmwsss.FeatureAffinityRefine',
    backbone=dict(
        type='mmwsss.TimmTokens',
        name=vit_name,
        init_cfg=dict(type='Pretrained', checkpoint=vit_weights),
    ),
    max_side=vit_side,
    threshold=_base_.affinity_threshold,
    exponent=_base_.affinity_exponent,
    alpha=_base_.walk_alpha,
    num_steps=_base_.walk_steps,
)
pseudo = dict(refine=[vit_step, _base_.cut_step])
