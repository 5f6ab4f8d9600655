"""Frozen backbones whose outputs are kept on the disk."""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.structures import DataSample

from mmwsss.apis.inference import init_classifier
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


@pytest.mark.parametrize('folder', [True, False], ids=['kept', 'not kept'])
def test_crops_of_features_are_windows_at_one_place(folder, tmp_path):
    net = KeptFeatures({**RESNET, 'out_indices': (1, 2)}, folder=tmp_path if folder else None, crop=0.5)
    x = torch.randn(3, 3, 64, 96)
    whole = net.eval()(x)
    assert whole[0].shape[2:] == (16, 24) and whole[1].shape[2:] == (8, 12), 'whole maps outside of training'
    net.train()
    sizes = set()
    for seed in range(20):
        torch.manual_seed(seed)
        first, second = net(x)
        height, width = second.shape[2:]
        sizes.add((height, width))
        assert 4 <= height <= 8 and 6 <= width <= 12
        places = [
            (top, left)
            for top in range(9 - height)
            for left in range(13 - width)
            if torch.allclose(whole[1][..., top : top + height, left : left + width], second, atol=1e-3)
        ]
        assert len(places) == 1, 'a window of the whole map, the same of every image'
        top, left = (2 * place for place in places[0])
        near = [
            torch.equal(whole[0][..., y : y + first.shape[2], x : x + first.shape[3]], first)
            for y in range(max(top - 2, 0), top + 3)
            for x in range(max(left - 2, 0), left + 3)
            if (y + first.shape[2] <= 16 and x + first.shape[3] <= 24)
        ]
        assert sum(near) == 1 or not folder, 'the finer map is cut at the same place'
        torch.manual_seed(seed)
        assert all(torch.equal(a, b) for a, b in zip(net(x), (first, second)))
    assert len(sizes) > 3


def test_class_tokens_are_not_cropped(tmp_path):
    net, x = KeptFeatures(VIT, folder=tmp_path, crop=0.5), torch.randn(2, 3, 32, 32)
    whole = {part.ndim: part for part in flat(net.eval()(x))}
    cropped = {part.ndim: part for part in flat(net.train()(x))}
    assert whole[4].shape[2:] == (4, 4) and 2 <= cropped[4].shape[2] <= 4
    assert torch.equal(cropped[2], whole[2])


def test_what_crops_do_not_go_with():
    for crop in (0, -0.2, 1.5):
        with pytest.raises(ValueError, match=r'Expected crop in \(0, 1\] or None, but got'):
            KeptFeatures(RESNET, crop=crop)
    model = {
        'type': 'mmwsss.MapClassifier',
        'with_image': True,
        'backbone': {'type': 'mmwsss.KeptFeatures', 'backbone': RESNET, 'crop': 0.5},
        'head': {'type': 'mmwsss.PooledHead', 'num_classes': 1, 'in_channels': 256},
    }
    with pytest.raises(ValueError, match='crop=None of the kept features of a head that uses the image, but got 0.5'):
        MODELS.build(model)


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


def test_a_loaded_network_keeps_nothing(tmp_path):
    model = {
        'type': 'mmwsss.MapClassifier',
        'backbone': {'type': 'mmwsss.KeptFeatures', 'backbone': RESNET, 'folder': str(tmp_path / 'kept')},
        'head': {'type': 'mmwsss.PooledHead', 'num_classes': 2, 'in_channels': 256},
    }
    built = MODELS.build(model)
    text = Config({'model': model, 'default_scope': 'mmpretrain'}).pretty_text
    torch.save({'state_dict': built.state_dict(), 'meta': {'cfg': text}}, tmp_path / 'a.pth')
    loaded, images = init_classifier(tmp_path / 'a.pth', device='cpu'), torch.randn(1, 3, 32, 32)
    maps = CAMGenerator('cam', classes='all', flip=True)(loaded, images).maps
    assert not (tmp_path / 'kept').exists()
    torch.testing.assert_close(
        maps, CAMGenerator('cam', classes='all', flip=True)(built.eval(), images).maps, atol=5e-3, rtol=0
    )
    assert len(list((tmp_path / 'kept').rglob('*.npz'))) == 2  # in a training they are


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
    whole = path.read_bytes()
    for content in (b'broken', b'', whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=r'Expected kept features in .*\.npz, but they cannot be read: .* Remove it'
        ):
            net(images)
    net = KeptFeatures(RESNET, tmp_path)
    net.backbone.forward = lambda x: (torch.full((len(x), 4, 1, 1), np.float32(1e6)),)
    with pytest.raises(ValueError, match='Expected finite features below 65504 to keep in half precision'):
        net(torch.randn(1, 3, 32, 32))
