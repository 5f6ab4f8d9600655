# The two-stage counterpart of one_stage_lite0.py: the same encoder, decoder and schedule on pseudo masks that a
# classifier's maps gave before; images without any class are all background.
_base_ = './lite0_plumes_pseudo.py'
balanced = True  # background and classes count the same in the decoder's cross-entropy
by_class = False  # and, of several classes, each as much as another

model = dict(
    decode_head=dict(
        loss_decode=[
            dict(type='mmwsss.BalancedCrossEntropyLoss', by_class=by_class)
            if balanced
            else dict(type='CrossEntropyLoss', loss_weight=1.0, avg_non_ignore=True),
            dict(type='mmwsss.ForegroundDiceLoss', loss_weight=0.5),
        ],
    ),
)
train_dataloader = dict(
    sampler=dict(epoch_size=_base_.batch_size * _base_.steps_per_epoch),
    dataset=dict(
        _delete_=True,
        type='mmwsss.PseudoMaskDataset',
        pseudo_root=_base_.pseudo_root,
        corrections=_base_.corrections,
        corrections_repeat=_base_.corrections_repeat,
        pipeline=_base_.train_pipeline,
    ),
)
