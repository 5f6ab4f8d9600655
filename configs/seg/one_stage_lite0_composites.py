# One stage where half of each batch is smoke blended into smoke-free images, whose masks are known: they train the
# decoder from the first step on.
_base_ = './one_stage_lite0.py'
composites_share = 0.5  # of a batch

train_dataloader = dict(
    sampler=dict(shares=[1 - composites_share, composites_share]),
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            _base_.labelled_images,
            dict(
                type='mmwsss.NegativeView',
                source=_base_.train_set,
                at_least=_base_.batch_size * _base_.steps_per_epoch,
                pipeline=_base_.composite_pipeline,
            ),
        ],
    ),
)
