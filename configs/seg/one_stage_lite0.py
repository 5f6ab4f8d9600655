# One stage: a segmentor of image labels alone. A classifier shares its encoder; the classifier's maps, cut at two
# thresholds and refined by colours, are the decoder's labels. At the end it is an ordinary EncoderDecoder.
_base_ = './lite0_plumes_pseudo.py'
needs = dict(_delete_=True)
warm_up_share = 0.3  # of the steps: the classifier alone, and what has a known mask
seg_weight = 0.1  # of the decoder's losses
balanced = True  # background and classes count the same in the decoder's cross-entropy
low = 0.35  # thresholds of the maps: background below the first, the class above the second, nothing between
high = 0.55
par_iters = 10
map_scales = [1.0]  # other than that: one more pass a step each
map_flip = False

model = dict(
    type='mmwsss.OneStageSegmentor',
    decode_head=dict(
        loss_decode=[
            dict(type='mmwsss.BalancedCrossEntropyLoss')
            if balanced
            else dict(type='CrossEntropyLoss', loss_weight=1.0, avg_non_ignore=True),
            dict(type='mmwsss.ForegroundDiceLoss', loss_weight=0.5),
        ],
    ),
    classifier=dict(
        type='mmwsss.MapClassifier',
        head=dict(type='mmwsss.PooledHead', num_classes=_base_.num_classes, in_channels=320),
    ),
    labels=dict(
        type='mmwsss.TwoThresholdLabels',
        low=low,
        high=high,
        refinement=dict(type='mmwsss.PixelAdaptiveRefinement', num_iters=par_iters),
    ),
    warm_up=round(warm_up_share * _base_.steps),
    seg_weight=seg_weight,
    map_scales=map_scales,
    map_flip=map_flip,
)

_pack = [dict(type='mmpretrain.PackInputs', algorithm_keys=('gt_seg_map',))]
label_pipeline = [dict(type='mmwsss.LoadPicture'), *_base_._crop, *_base_._colours[:-1], *_pack]
composite_pipeline = [*_base_.plume_pipeline[:-1], *_pack]
labelled_images = dict(type='mmwsss.ImageLabelView', source=_base_.train_set, pipeline=label_pipeline)
train_dataloader = dict(
    sampler=dict(epoch_size=_base_.batch_size * _base_.steps_per_epoch),
    dataset=dict(_delete_=True, **labelled_images),
)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(classifier=dict(lr_mult=4.0))))
custom_hooks = [dict(type='mmwsss.SetEpochHook'), dict(type='mmwsss.OrdinaryCheckpointHook')]
find_unused_parameters = True  # the decoder rests in the first steps
