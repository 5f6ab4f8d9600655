import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope

from mmwsss.models.backbones import LargeFOVBackbone
from mmwsss.models.segmentors import DeepLabV2Head, LargeFOVHead


def test_v2_is_the_sum_of_dilated_classifiers():
    init_default_scope('mmseg')
    torch.manual_seed(0)
    head = DeepLabV2Head(in_channels=8, num_classes=3, dilations=(1, 2)).eval()
    feature = torch.randn(2, 8, 9, 11)
    expected = sum(
        F.conv2d(feature, conv.weight, conv.bias, padding=dilation, dilation=dilation)
        for conv, dilation in zip(head.conv_seg, (1, 2))
    )
    assert torch.allclose(head([feature]), expected, atol=1e-6)
    assert head([feature]).shape == (2, 3, 9, 11)


def test_v1_has_output_stride_8_and_vggs_weights():
    init_default_scope('mmseg')
    torch.manual_seed(0)
    backbone = LargeFOVBackbone(16, out_indices=(4,))
    head = LargeFOVHead(in_channels=512, in_index=0, num_classes=3, channels=16).eval()
    with torch.no_grad():
        features = backbone(torch.randn(1, 3, 64, 96))
        assert features[0].shape == (1, 512, 8, 12)
        assert head(features).shape == (1, 3, 8, 12)
    from mmpretrain.models.backbones import VGG

    backbone.load_state_dict(VGG(16).state_dict())  # the same names and shapes
    assert [c.dilation for c in backbone.modules() if isinstance(c, torch.nn.Conv2d)][-1] == (2, 2)
    assert head.fc6[0].dilation == (12, 12)
