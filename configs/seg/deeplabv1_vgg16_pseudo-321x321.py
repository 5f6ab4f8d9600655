# DeepLab-LargeFOV (V1, VGG-16, output stride 8) on pseudo masks.
_base_ = './deeplabv2_r101_pseudo-321x321.py'
_pretrained = (
    dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://mmassets.onedl.ai/mmclassification/v0/vgg/vgg16_batch256_imagenet_20210208-db26f1a5.pth',
            prefix='backbone',
        )
    )
    if _base_.pretrained
    else {}
)
model = dict(
    backbone=dict(_delete_=True, type='mmwsss.LargeFOVBackbone', depth=16, out_indices=(4,), **_pretrained),
    decode_head=dict(type='mmwsss.LargeFOVHead', in_channels=512, in_index=0),
)
