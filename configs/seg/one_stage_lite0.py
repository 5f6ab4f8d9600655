# One stage: a segmentor of image labels alone. A classifier shares its encoder; the classifier's maps, cut at two
# thresholds and refined by colours, are the decoder's labels. At the end it is an ordinary EncoderDecoder.
_base_ = './lite0_plumes_pseudo.py'
needs = dict(_delete_=True)
img_size = 160
batch_size = 16
epochs = 16
steps_per_epoch = 30
warm_up_share = 0.3  # of the steps: the classifier alone, and what has a known mask
seg_weight = 0.1  # of the decoder's losses
balanced = True  # background and classes count the same in the decoder's cross-entropy
low = 0.35  # thresholds of the maps: background below the first, the class above the second, nothing between
high = 0.55
par_iters = 10
map_scales = [1.0]  # other than that: one more pass a step each
map_flip = False
composites_share = 0.0  # of a batch: smoke blended into images whose label says that they have none
vit = False  # True: a vision transformer on its early stages, which has attention, in the place of the later ones
teacher_checkpoint = None  # of r50_pcm.py at scale small: its maps guide the classifier's (cross-architecture loss)
kt_weight = 1.0  # of that loss
pairs_weight = 0.0  # of all-pairs consistency of attention (published for VOC: 125); needs vit=True
embed_dims = 192
num_layers = 4
patch_size = 16

_lite0 = dict(_base_.model.backbone)
_vit = dict(
    type='mmwsss.TokenMapVisionTransformer',
    arch=dict(
        embed_dims=embed_dims, num_layers=num_layers, num_heads=embed_dims // 32, feedforward_channels=3 * embed_dims
    ),
    img_size=img_size,
    patch_size=patch_size,
    stem=dict(type='mmwsss.FeatureStem', backbone=dict(_lite0, out_indices=(3,))),
)
_map_classifier = dict(
    type='mmwsss.MapClassifier',
    head=dict(
        type='mmwsss.PooledHead',
        num_classes=_base_.num_classes,
        in_channels=embed_dims if vit else 320,
    ),
)
_teacher = dict(
    type='mmwsss.MapClassifier',
    with_image=True,
    data_preprocessor=dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0], to_rgb=True),
    backbone=dict(_lite0, out_indices=(3, 4)),
    head=dict(
        type='mmwsss.PCMHead',
        num_classes=_base_.num_classes,
        in_channels=(112, 320),
        map_channels='classes',
        hidden_channels=128,
        feature_channels=32,
        correlation_channels=64,
    ),
)
_taught = dict(
    type='mmwsss.CrossArchDistiller',
    student=_map_classifier,
    teacher=_teacher,
    teacher_checkpoint=teacher_checkpoint,
    teacher_command='python tools/train.py configs/r50_pcm.py --scale small --cfg-options teacher_maps=classes',
    student_map='class_maps',
    kt_loss=dict(type='mmwsss.CosineGlobalKTLoss', loss_weight=kt_weight),
)
_classifier = _taught if teacher_checkpoint else _map_classifier
_consistent = dict(
    type='mmwsss.AllPairsConsistency',
    model=_classifier,
    activation_weight=pairs_weight,
    affinity_weight=pairs_weight,
)
steps = epochs * steps_per_epoch

model = dict(
    type='mmwsss.OneStageSegmentor',
    backbone=dict(_delete_=True, **(_vit if vit else _lite0)),
    neck=dict(type='mmwsss.PatchMapNeck') if vit else None,
    decode_head=dict(
        in_channels=[embed_dims] if vit else [40, 24, 112, 320],
        in_index=[0] if vit else [1, 0, 2, 3],
        loss_decode=[
            dict(type='mmwsss.BalancedCrossEntropyLoss')
            if balanced
            else dict(type='CrossEntropyLoss', loss_weight=1.0, avg_non_ignore=True),
            dict(type='mmwsss.ForegroundDiceLoss', loss_weight=0.5),
        ],
    ),
    classifier=_consistent if pairs_weight else _classifier,
    labels=dict(
        type='mmwsss.TwoThresholdLabels',
        low=low,
        high=high,
        refinement=dict(type='mmwsss.PixelAdaptiveRefinement', num_iters=par_iters),
    ),
    warm_up=round(warm_up_share * steps),
    seg_weight=seg_weight,
    map_scales=map_scales,
    map_flip=map_flip,
)

_load = [dict(type='mmwsss.LoadPicture')]
_pack = [dict(type='mmpretrain.PackInputs', algorithm_keys=('gt_seg_map',))]
train_pipeline = [*_load, *_base_._crop, *_base_._colours[:-1], *_pack]
plume_pipeline = [*_base_.plume_pipeline[:-1], *_pack]
_images = dict(type='mmwsss.ImageLabelView', source=_base_.train_set, pipeline=train_pipeline)
_composites = dict(type='mmwsss.NegativeView', source=_base_.train_set, pipeline=plume_pipeline)
train_dataloader = dict(
    sampler=dict(
        epoch_size=batch_size * steps_per_epoch,
        shares=[1 - composites_share, composites_share] if composites_share else [1.0],
    ),
    dataset=dict(
        _delete_=True, type='ConcatDataset', datasets=[_images, _composites] if composites_share else [_images]
    ),
)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(classifier=dict(lr_mult=4.0))))
custom_hooks = [dict(type='mmwsss.SetEpochHook'), dict(type='mmwsss.OrdinaryCheckpointHook')]
find_unused_parameters = True  # the decoder rests in the first steps
