# Small ViT with all-pairs consistency.
_base_ = './vitmini.py'
alpha = 125.0
model = dict(
    _delete_=True,
    type='mmwsss.AllPairsConsistency',
    model=_base_.student,
    activation_weight=alpha,
    affinity_weight=alpha,
)
