# Small ViT with all-pairs consistency; the classifier reads the class token, as ACR's does.
_base_ = './vitmini_tokens.py'
alpha = 125.0
model = dict(
    _delete_=True,
    type='mmwsss.AllPairsConsistency',
    model=dict(_base_.student, head=dict(_base_.student.head, type='mmwsss.ClassTokenHead')),
    activation_weight=alpha,
    affinity_weight=alpha,
)
