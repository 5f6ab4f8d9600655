# One stage whose encoder is any plain vision transformer of timm (DINOv2, DINOv3, CLIP, SigLIP, EVA-02, DeiT-III), by
# its name and its weights; classifier and decoder read its last patch map. docs/components.md says whose licence the
# weights have; the normalisation that belongs to them is taken from timm.
_base_ = './one_stage_lite0.py'
vit_name = 'vit_small_patch16_dinov3.lvd1689m'  # img_size is a multiple of its patch
vit_weights = 'timm://vit_small_patch16_dinov3.lvd1689m'  # or a file
vit_channels = 384
frozen = True  # classifier and decoder alone learn; False: the transformer too

_vit = dict(
    type='mmwsss.TimmTokens',
    name=vit_name,
    input_mean=(0, 0, 0),  # pixels come as they are
    input_std=(1, 1, 1),
    **(dict(init_cfg=dict(type='Pretrained', checkpoint=vit_weights)) if _base_.pretrained else dict()),
)
model = dict(
    data_preprocessor=dict(mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0]),
    backbone=dict(_delete_=True, type='mmwsss.KeptFeatures', backbone=_vit) if frozen else dict(_delete_=True, **_vit),
    neck=dict(type='mmwsss.PatchMapNeck'),
    decode_head=dict(in_channels=[vit_channels], in_index=[0]),
    classifier=dict(head=dict(in_channels=vit_channels)),
)
