# Table 4.3 "TransCAM": Conformer-S, binary cross-entropy on the sum of both branches' logits.
_base_ = './_base_/vitb_r50.py'
model = dict(
    type='mmwsss.MapClassifier',
    data_preprocessor=_base_.imagenet,
    backbone=dict(
        type='mmwsss.MapConformer',
        arch='small',
        init_cfg=_base_.pretrained
        and dict(
            type='Pretrained',
            checkpoint='https://mmassets.onedl.ai/mmclassification/v0/conformer/'
            'conformer-small-p16_3rdparty_8xb128_in1k_20211206-3065dcf5.pth',
            prefix='backbone',
        ),
    ),
    head=dict(type='mmwsss.TransCAMHead', num_classes=_base_.num_classes, in_channels=(1024, 384)),
)
