# One stage with all-pairs consistency of attention between an image and its mirror image (ACR). Twice the passes.
_base_ = './one_stage_lite0_vit.py'
pairs_weight = 100.0  # published for COCO; for VOC 125

model = dict(
    classifier=dict(
        _delete_=True,
        type='mmwsss.AllPairsConsistency',
        model=_base_.model.classifier,
        activation_weight=pairs_weight,
        affinity_weight=pairs_weight,
    ),
)
