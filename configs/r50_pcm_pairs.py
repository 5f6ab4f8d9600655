# r50_pcm.py with composites and the counterfactual loss: generated smoke is pasted into smoke-free
# images, which makes them further positives, and the class map has to differ from that of the clean image by the smoke
# alone. pair_weight=0 leaves the composites as positives.
_base_ = './r50_pcm.py'
plume_chance = 0.5  # of smoke in a smoke-free image
lookalike_chance = 0.0  # of a cloud, haze, fog, glare or dirt, with smoke and without
pair_weight = 1.0
class_index = 0  # of smoke among the classes

model = dict(
    _delete_=True,
    type='mmwsss.CounterfactualPairs',
    model=_base_.model,
    pair_loss=dict(type='mmwsss.CounterfactualLoss', loss_weight=pair_weight),
    class_index=class_index,
)
train_pipeline = [
    *_base_.train_pipeline[:-1],
    dict(
        type='mmwsss.PastePlume',
        prob=plume_chance,
        class_index=class_index,
        lookalike=lookalike_chance,
        keep_clean=True,
        seed=_base_.seed,
    ),
    dict(type='PackInputs', algorithm_keys=('plume_matte', 'img_clean')),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
custom_hooks = [dict(type='mmwsss.SetEpochHook')]
