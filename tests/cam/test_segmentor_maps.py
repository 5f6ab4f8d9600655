"""Maps of a segmentor: its probabilities, averaged over flips and scales, for the classes of the label."""

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from mmwsss.cam import CAMGenerator, SegmentorMaps
from mmwsss.cam.segmentor_maps import class_probabilities


class Head(nn.Module):
    def __init__(self, sigmoid=False):
        super().__init__()
        self.loss_decode = nn.Module()
        self.loss_decode.use_sigmoid = sigmoid


class Segmentor(nn.Module):
    """Logits at half the size from a 3x3 convolution, which sees left and right differently."""

    def __init__(self, channels=3, sigmoid=False):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, stride=2, padding=1)
        self.decode_head = Head(sigmoid)

    def forward(self, inputs, mode):
        assert mode == 'tensor'
        return self.conv(inputs)


@pytest.fixture
def inputs():
    return torch.randn(2, 3, 32, 64, generator=torch.Generator().manual_seed(0))


LABELS = torch.tensor([[True, False], [True, True]])


def at_size(logits, size=(32, 64)):
    return F.interpolate(logits, size=size, mode='bilinear', align_corners=False)


def test_maps_are_the_means_of_flips_and_scales(inputs):
    torch.manual_seed(1)
    model = Segmentor().eval()
    cams = SegmentorMaps(scales=(1.0, 0.5), flip=True, size_divisor=16)(model, inputs, LABELS)
    expected = torch.zeros(2, 3, 32, 64)
    for scaled in (inputs, F.interpolate(inputs, size=(16, 32), mode='bilinear', align_corners=False)):
        expected += at_size(model.conv(scaled)).softmax(1)
        expected += at_size(model.conv(scaled.flip(3))).softmax(1).flip(3)
    expected = expected[:, 1:] / 4
    assert cams.image_index.tolist() == [0, 1, 1] and cams.class_index.tolist() == [0, 0, 1]
    assert cams.maps.shape == (3, 1, 32, 64) and not cams.maps.requires_grad
    for row, (image, k) in enumerate(((0, 0), (1, 0), (1, 1))):
        assert torch.allclose(cams.maps[row, 0], expected[image, k], atol=1e-6)
        assert torch.allclose(cams.raw_max[row, 0], expected[image, k].max(), atol=1e-6)
    assert cams.maps.max() < 0.99  # not divided by the maximum
    ranked = expected.flatten(2).sort(2).values
    assert torch.allclose(cams.scores, ranked[..., round(0.99 * 2048) - 1], atol=1e-6)


def test_every_second_scale_can_be_mirrored(inputs):
    model = Segmentor().eval()
    cams = SegmentorMaps(scales=(0.5, 1.0), flip=True, alternate=True, size_divisor=16)(model, inputs, LABELS)
    small = F.interpolate(inputs, size=(16, 32), mode='bilinear', align_corners=False)
    expected = at_size(model.conv(small)).softmax(1) + at_size(model.conv(inputs.flip(3))).softmax(1).flip(3)
    assert torch.allclose(cams.maps[0, 0], expected[0, 1] / 2, atol=1e-6)


def test_sigmoid_heads(inputs):
    one, two = Segmentor(1).eval(), Segmentor(3, sigmoid=True).eval()
    cams = SegmentorMaps(flip=False)(one, inputs, LABELS[:, :1])
    assert torch.allclose(cams.maps[:, 0], at_size(one.conv(inputs))[:, 0].sigmoid(), atol=1e-6)
    cams = SegmentorMaps(flip=False)(two, inputs, LABELS)
    assert torch.allclose(cams.maps[0, 0], at_size(two.conv(inputs))[0, 1].sigmoid(), atol=1e-6)
    logits = torch.tensor([1.0, 3.0]).view(1, 2, 1, 1)
    assert class_probabilities(logits).item() == pytest.approx(torch.tensor(2.0).sigmoid().item())


def test_classes(inputs):
    model = Segmentor().eval()
    nothing = SegmentorMaps()(model, inputs, torch.zeros(2, 2))
    assert nothing.maps.shape == (0, 1, 32, 64) and nothing.raw_max.shape == (0, 1)
    assert len(SegmentorMaps(classes='all')(model, inputs).maps) == 4
    with torch.no_grad():
        model.conv.weight.zero_()
        model.conv.bias.copy_(torch.tensor([0.0, 9.0, 0.0]))
    assert SegmentorMaps(classes='predicted')(model, inputs).class_index.tolist() == [0, 0]


def test_what_the_generators_read_and_errors(inputs):
    assert (CAMGenerator.network, SegmentorMaps.network) == ('classifier', 'segmentor')
    model = Segmentor()
    with pytest.raises(ValueError, match='Expected a model in eval mode'):
        SegmentorMaps()(model, inputs, LABELS)
    with pytest.raises(ValueError, match=r'Expected labels \(B, K\) = \(2, 2\), but got \(2, 3\)'):
        SegmentorMaps()(model.eval(), inputs, torch.ones(2, 3))
    with pytest.raises(ValueError, match='Expected a segmentor with a decode_head, but got Conv2d'):
        SegmentorMaps()(model.conv, inputs, LABELS)
    for wrong, text in (
        ({'classes': 'some'}, "but got 'some'"),
        ({'scales': (0.0,)}, 'Expected positive scales'),
        ({'size_divisor': 0}, 'Expected size_divisor >= 1, but got 0'),
    ):
        with pytest.raises(ValueError, match=text):
            SegmentorMaps(**wrong)
