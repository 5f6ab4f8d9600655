# Not in the paper's tables: the map spread over patches with like features of a frozen network that nobody trains here.
# Any network of timm that gives maps will do; transformers: gradcam_ms_features_vit.py.
_base_ = './gradcam_ms_crf.py'
feature_network = 'tf_efficientnet_lite0'
feature_weights = 'package://efficientnet-lite0'
feature_stage = 3  # whose map is read: stride 16, 112 channels
feature_mean = None  # of the RGB values; None: what timm's weights of this name were trained with
feature_std = None
feature_side = 256  # longer side of the picture that the network sees
affinity_threshold = 0.1
affinity_exponent = 4.0
walk_alpha = 0.9
walk_steps = 10
feature_step = dict(
    type='mmwsss.FeatureAffinityRefine',
    backbone=dict(
        type='mmwsss.TimmFeatures',
        name=feature_network,
        out_indices=(feature_stage,),
        output_stride=16,
        init_cfg=dict(type='Pretrained', checkpoint=feature_weights),
    ),
    mean=feature_mean,
    std=feature_std,
    max_side=feature_side,
    threshold=affinity_threshold,
    exponent=affinity_exponent,
    alpha=walk_alpha,
    num_steps=walk_steps,
)
pseudo = dict(refine=[feature_step, _base_.cut_step])
