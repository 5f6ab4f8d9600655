# A segmentor of pseudo masks whose encoder is any plain vision transformer of timm (DINOv2, DINOv3, CLIP, SigLIP,
# EVA-02, DeiT-III), by its name and its weights; the decoder reads four of its blocks. docs/components.md says whose
# licence the weights have; the normalisation that belongs to them is taken from timm.
_base_ = './lite0_pseudo.py'
vit_name = 'vit_small_patch16_dinov3.lvd1689m'  # img_size is a multiple of its patch
vit_weights = 'timm://vit_small_patch16_dinov3.lvd1689m'  # or a file
vit_channels = 384
vit_blocks = [2, 5, 8, 11]
frozen = True  # the decoder alone learns; False: the transformer too, with lr * 0.3

_vit = dict(
    type='mmwsss.TimmTokens',
    name=vit_name,
    out_indices=vit_blocks,
    input_mean=(0, 0, 0),  # pixels come as they are
    input_std=(1, 1, 1),
    **(dict(init_cfg=dict(type='Pretrained', checkpoint=vit_weights)) if _base_.pretrained else dict()),
)
model = dict(
    data_preprocessor=dict(mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0]),
    backbone=dict(_delete_=True, type='mmwsss.KeptFeatures', backbone=_vit) if frozen else dict(_delete_=True, **_vit),
    neck=dict(type='mmwsss.PatchMapNeck'),
    decode_head=dict(in_channels=[vit_channels] * len(vit_blocks), in_index=list(range(len(vit_blocks)))),
)
