# Composites for classifiers: generated smoke is pasted into smoke-free images, which makes them further positives, and
# the class map has to differ from that of the clean image by the smoke alone (counterfactual loss).
plume_chance = 0.5  # of smoke in a smoke-free image
lookalike_chance = 0.0  # of a cloud, haze, fog, glare or dirt, with smoke and without
pair_weight = 1.0  # 0: the composites stay as positives
class_index = 0  # of smoke among the classes

pair = dict(
    type='mmwsss.CounterfactualPairs',
    pair_loss=dict(type='mmwsss.CounterfactualLoss', loss_weight=pair_weight),
    class_index=class_index,
)
paste = dict(
    type='mmwsss.PastePlume',
    prob=plume_chance,
    class_index=class_index,
    lookalike=lookalike_chance,
    keep_clean=True,
)
pack_pairs = dict(type='PackInputs', algorithm_keys=('plume_matte', 'img_clean'))
custom_hooks = [dict(type='mmwsss.SetEpochHook')]
