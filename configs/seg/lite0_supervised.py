# The ceiling of the segmentors that learn without masks: the same network, recipe and number of steps as
# lite0_plumes.py on the masks of all training images.
_base_ = './lite0_plumes_pseudo.py'
needs = dict(_delete_=True)

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmwsss.SegmentationView',
        source=_base_.pseudo_set,
        test_mode=False,
        pipeline=_base_.train_pipeline,
    ),
)
