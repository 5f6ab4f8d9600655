# The student with the weights of a foundation model: any plain vision transformer of timm whose patch is the teacher's
# stride, 16 (DINOv3, DeiT-III, SigLIP, CLIP), by its name and its weights. docs/components.md says whose licence they
# have. The matched control of ts_vitb_dinov3_r50_cos_global.
_base_ = './_base_/vitb_r50.py'
vit_name = 'vit_base_patch16_dinov3.lvd1689m'
vit_weights = 'timm://vit_base_patch16_dinov3.lvd1689m'  # or a file
vit_channels = 768
model = dict(
    _base_.student,
    backbone=dict(
        type='mmwsss.TimmTokens',
        name=vit_name,
        input_mean=_base_.student.data_preprocessor.mean,  # pictures get the normalisation of these weights
        input_std=_base_.student.data_preprocessor.std,
        **(dict(init_cfg=dict(type='Pretrained', checkpoint=vit_weights)) if _base_.pretrained else dict()),
    ),
    head=dict(_base_.student.head, in_channels=vit_channels),
)
