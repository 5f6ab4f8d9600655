# MMSegmentation's Segmenter (ViT-B/16, mask transformer): the network that the paper cites for its "SERT" row.
_base_ = ['mmseg::_base_/models/segmenter_vit-b16_mask.py', '../_base_/supervised_seg.py']
model = dict(
    pretrained=_base_.checkpoint if _base_.pretrained else None,
    data_preprocessor=dict(size=(_base_.img_size, _base_.img_size)),
    backbone=dict(img_size=(_base_.img_size, _base_.img_size)),
    decode_head=dict(num_classes=_base_.num_classes + 1),
    test_cfg=dict(_delete_=True, mode='whole'),
)
