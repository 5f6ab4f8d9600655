"""Frozen backbones whose outputs are kept on the disk."""

import copy

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.structures import DataSample

from mmwsss.cam import CAMGenerator
from mmwsss.models.backbones import KeptFeatures

RESNET = {'type': 'mmwsss.TimmFeatures', 'name': 'resnet18', 'out_indices': (2, 3)}
VIT = {
    'type': 'mmwsss.TokenMapVisionTransformer',
    'arch': {'embed_dims': 24, 'num_layers': 1, 'num_heads': 2, 'feedforward_channels': 48},
    'img_size': 32,
    'patch_size': 8,
}


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')
    torch.manual_seed(0)


def flat(outputs):
    return [part for output in outputs for part in (output if isinstance(output, (list, tuple)) else [output])]


@pytest.mark.parametrize('backbone', [RESNET, VIT], ids=['maps', 'maps and tokens'])
def test_kept_features_are_those_of_the_backbone(backbone, tmp_path):
    net = KeptFeatures(backbone, tmp_path).train()
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        expected = net.backbone(images)
    assert not net.backbone.training
    first, again = net(images), net(images[[2, 0]])
    assert (net.hits, net.misses) == (2, 3) and len(list(tmp_path.rglob('*.npz'))) == 3
    assert len(first) == len(expected)
    for ours, kept, other in zip(flat(first), flat(again), flat(expected), strict=True):
        assert torch.allclose(ours, other, rtol=2e-3, atol=2e-3) and ours.dtype == torch.float32
        assert torch.equal(kept, ours[[2, 0]]) and not kept.requires_grad
    net.backbone.forward = None  # never asked for again
    for kept, ours in zip(flat(net(images)), flat(first)):
        assert torch.equal(kept, ours)
    with pytest.raises(TypeError):
        net(images.flip(3))  # another image


def test_other_weights_and_other_settings_never_meet(tmp_path):
    net, images = KeptFeatures(RESNET, tmp_path), torch.randn(1, 3, 32, 32)
    net(images)
    other = copy.deepcopy(net)
    state = {key: value + 0.1 if key.endswith('conv1.weight') else value for key, value in net.state_dict().items()}
    other.load_state_dict(state)
    assert other.fingerprint() != net.fingerprint()
    assert not torch.equal(other(images)[0], net(images)[0]) and other.misses == 2
    fewer = KeptFeatures({**RESNET, 'out_indices': (3,)}, tmp_path)
    fewer.backbone.network.load_state_dict(net.backbone.network.state_dict())
    assert len(fewer(images)) == 1 and fewer.misses == 1
    same = KeptFeatures(RESNET, tmp_path)
    same.load_state_dict(net.state_dict())
    same(images)
    assert (same.hits, same.misses) == (1, 0)


def test_the_backbone_is_frozen_and_the_head_learns(tmp_path):
    for folder in (None, tmp_path):
        model = MODELS.build(
            {
                'type': 'mmwsss.MapClassifier',
                'backbone': {'type': 'mmwsss.KeptFeatures', 'backbone': RESNET, 'folder': folder},
                'head': {'type': 'mmwsss.PooledHead', 'num_classes': 2, 'in_channels': 256},
            }
        )
        model.train()
        before = {key: value.clone() for key, value in model.backbone.state_dict().items()}
        samples = [DataSample().set_gt_score(torch.tensor([1.0, 0.0])) for _ in range(2)]
        loss = model(torch.randn(2, 3, 32, 32), samples, mode='loss')['loss']
        loss.backward()
        assert model.head.fc.weight.grad.abs().sum() > 0 and not model.backbone.backbone.training
        assert all(parameter.grad is None for parameter in model.backbone.parameters())
        assert all(torch.equal(value, before[key]) for key, value in model.backbone.state_dict().items())
        maps = CAMGenerator('cam', classes='all')(model.eval(), torch.randn(1, 3, 32, 32)).maps
        assert maps.shape == (2, 1, 32, 32)


def test_what_is_refused(tmp_path):
    with pytest.raises(ValueError, match='Expected max_gib > 0, but got 0'):
        KeptFeatures(RESNET, tmp_path, max_gib=0)
    net = KeptFeatures(RESNET, tmp_path, max_gib=1e-6)
    with pytest.raises(ValueError, match=r'at most max_gib=1e-06 of features in .* does the pipeline crop or change'):
        net(torch.randn(1, 3, 64, 64))
    net = KeptFeatures(RESNET, tmp_path)
    images = torch.randn(1, 3, 32, 32)
    net(images)
    (path,) = tmp_path.rglob('*.npz')
    path.write_bytes(b'broken')
    with pytest.raises(ValueError, match=r'Expected kept features in .*\.npz, but they cannot be read: .* Remove it'):
        net(images)
    net = KeptFeatures(RESNET, tmp_path)
    net.backbone.forward = lambda x: (torch.full((len(x), 4, 1, 1), np.float32(1e6)),)
    with pytest.raises(ValueError, match='Expected finite features below 65504 to keep in half precision'):
        net(torch.randn(1, 3, 32, 32))
