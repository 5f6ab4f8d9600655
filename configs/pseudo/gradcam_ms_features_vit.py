# Not in the paper's tables: the map spread over patches with like features of a self-supervised vision transformer, by
# timm's name (DINOv2, DINOv3, EVA-02, ...); the normalisation that belongs to the weights is timm's.
_base_ = './gradcam_ms_features.py'
vit_name = 'vit_small_patch14_dinov2.lvd142m'
vit_weights = 'timm://vit_small_patch14_dinov2.lvd142m'  # or a file
feature_side = 518
feature_step = dict(
    _base_.feature_step,
    _delete_=True,
    backbone=dict(
        type='mmwsss.TimmTokens',
        name=vit_name,
        init_cfg=dict(type='Pretrained', checkpoint=vit_weights),
    ),
    mean=None,
    std=None,
    max_side=feature_side,
)
pseudo = dict(refine=[feature_step, _base_.cut_step])
