import math

import numpy as np
import pytest
import torch
from mmpretrain.structures import DataSample

from mmwsss.models.heads import ClassTokenHead, PCMHead, PooledHead
from mmwsss.models.heads.image_label_head import image_label_loss
from mmwsss.models.heads.pcm_head import propagate_by_correlation
from mmwsss.models.necks import FeatureProjectionNeck


def features(batch=2, size=(4, 5)):
    torch.manual_seed(0)
    return torch.randn(batch, 3, 32, 40), torch.randn(batch, 6, *size), torch.randn(batch, 8, *size)


def propagate_by_loops(x, f):
    """Ten-line count of the pixel correlation module."""
    b, c, h, w = x.shape
    out = np.zeros((b, c, h * w))
    for n in range(b):
        v, fv = x[n].reshape(c, -1), f[n].reshape(f.shape[1], -1)
        fv = fv / (np.sqrt((fv**2).sum(0)) + 1e-5)
        for j in range(h * w):
            a = np.maximum(fv.T @ fv[:, j], 0)
            out[n, :, j] = (v * (a / (a.sum() + 1e-5))).sum(1)
    return out.reshape(b, c, h, w)


def test_propagation_equals_loops():
    x, f = features()[1:]
    expected = propagate_by_loops(x.numpy(), f.numpy())
    assert np.allclose(propagate_by_correlation(x, f).numpy(), expected, atol=1e-5)


def test_propagation_equals_golden(golden):
    x, f, expected = (torch.from_numpy(golden[f'pcm/{key}']) for key in ('x', 'feature', 'propagated'))
    assert torch.allclose(propagate_by_correlation(x, f), expected, atol=1e-6)


def test_propagation_keeps_a_constant():
    f = features()[1]
    assert torch.allclose(propagate_by_correlation(torch.ones(2, 3, 4, 5), f), torch.ones(2, 3, 4, 5), atol=1e-4)


def test_propagation_shapes():
    with pytest.raises(ValueError, match=r'\(2, 6, 4, 5\) and \(1, 8, 4, 5\)'):
        propagate_by_correlation(torch.zeros(2, 6, 4, 5), torch.zeros(1, 8, 4, 5))


@pytest.mark.parametrize(('kind', 'channels'), [('classes', 3), ('classes_and_extra', 4)])
def test_pcm_head_by_its_formula(kind, channels):
    head = PCMHead(3, (6, 8), map_channels=kind, feature_channels=4, correlation_channels=5).eval()
    head.init_weights()
    image, layer3, layer4 = feats = features()
    maps = head.class_maps(feats)
    assert maps.shape == (2, channels, 4, 5)
    with torch.no_grad():
        conv6 = torch.relu(head.conv6[1](head.conv6[0](layer4)))
        small = torch.nn.functional.interpolate(image, (4, 5), mode='bilinear', align_corners=True)
        f = head.f9(torch.cat([small, head.f8_3(layer3), head.f8_4(layer4)], 1))
        expected = head.fc8(conv6) + head.fc8(torch.from_numpy(propagate_by_loops(conv6.numpy(), f.numpy())).float())
    assert torch.allclose(maps, expected, atol=1e-4)
    assert torch.allclose(head(feats), maps[:, :3].mean((2, 3)))


def test_extra_map_is_never_trained():
    head = PCMHead(1, (6, 8), map_channels='classes_and_extra', feature_channels=4, correlation_channels=5)
    head.init_weights()
    sample = DataSample().set_gt_score([1.0])
    head.loss(features(1), [sample])['loss'].backward()
    assert head.fc8.weight.grad[0].abs().sum() > 0
    assert head.fc8.weight.grad[1].abs().sum() == 0
    big = PCMHead(1, (6, 2048), map_channels='classes_and_extra', hidden_channels=2048, feature_channels=4)
    big.init_weights()
    assert big.fc8.weight.std().item() == pytest.approx(1.0, rel=0.1)


def test_pcm_head_errors():
    with pytest.raises(ValueError, match="Expected map_channels 'classes' or 'classes_and_extra', but got 'two'"):
        PCMHead(1, (6, 8), map_channels='two')
    head = PCMHead(1, (6, 8), feature_channels=4, correlation_channels=5)
    with pytest.raises(ValueError, match='Expected .image, layer3, layer4'):
        head.class_maps((torch.zeros(1, 3, 8, 8), torch.zeros(1, 6, 4, 4), torch.zeros(1, 8, 2, 2)))
    with pytest.raises(ValueError, match='Expected num_classes >= 1, but got 0'):
        PooledHead(0, 4)


def test_pooled_head_equals_pooling_before_the_linear_layer():
    head, feat = PooledHead(3, 8), features()[2]
    weight = head.fc.weight[:, :, 0, 0]
    assert torch.allclose(head((feat,)), feat.mean((2, 3)) @ weight.T + head.fc.bias, atol=1e-5)


def test_class_token_head_reads_the_class_token():
    head = ClassTokenHead(2, 8)
    token = torch.randn(3, 8)
    expected = token @ head.fc.weight.T + head.fc.bias
    assert torch.allclose(head(([torch.randn(3, 8, 2, 2), token],)), expected)
    with pytest.raises(TypeError, match='use a gradient CAM'):
        head.class_maps(([torch.randn(3, 8, 2, 2), token],))


def test_loss_is_the_mean_over_images_and_classes():
    logits = torch.tensor([[2.0, -1.0], [0.0, 3.0]])
    samples = [DataSample().set_gt_score([1.0, 0.0]), DataSample().set_gt_score([0.0, 0.0])]
    target = [[1, 0], [0, 0]]
    terms = [
        math.log(1 + math.exp(-x)) if t else math.log(1 + math.exp(x))
        for row, ts in zip(logits.tolist(), target)
        for x, t in zip(row, ts)
    ]
    assert image_label_loss(logits, samples).item() == pytest.approx(sum(terms) / 4, rel=1e-5)
    with pytest.raises(ValueError, match='Expected labels of 3 classes for 2 images'):
        image_label_loss(torch.zeros(2, 3), samples)


def test_neck_is_a_1x1_convolution():
    neck, x = FeatureProjectionNeck(8, 2), features()[2]
    expected = torch.einsum('oc,bchw->bohw', neck.proj.weight[:, :, 0, 0], x) + neck.proj.bias[:, None, None]
    assert torch.allclose(neck(x), expected, atol=1e-5)
