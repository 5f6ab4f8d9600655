"""Every kind of map, on CNN, ViT and Conformer, against independent computations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_cam import LABELS, build, inputs, pcm, pooled, vit
from torch import nn

from mmwsss.cam import CAMGenerator
from mmwsss.cam.functional import (
    attention_rollout,
    grad_cam_plus_plus,
    layer_cam,
    resize_cam,
    scale_by_max,
    scale_min_max,
    spread_by_attention,
)
from mmwsss.cam.layer_tap import AttentionTap
from mmwsss.cam.methods import METHODS


def conformer(classes=3):
    arch = {'embed_dims': 16, 'depths': 3, 'num_heads': 2, 'channel_ratio': 1}
    head = {'type': 'mmwsss.TransCAMHead', 'num_classes': classes, 'in_channels': (64, 16)}
    backbone = {'type': 'mmwsss.MapConformer', 'arch': arch, 'base_channels': 16}
    return {'type': 'mmwsss.MapClassifier', 'backbone': backbone, 'head': head}


NETWORKS = {'cnn': (pooled, (32, 48)), 'vit': (vit, (32, 48)), 'conformer': (conformer, (64, 96))}


@pytest.mark.parametrize('network', NETWORKS)
@pytest.mark.parametrize('method', ['gradcam', 'gradcampp', 'layercam', 'scorecam', 'rollout'])
def test_one_interface(method, network):
    config, size = NETWORKS[network]
    model, x = build(config()), inputs(size)
    generator = CAMGenerator(method, scales=(1.0, 2.0), size_divisor=16)
    if (method, network) == ('rollout', 'cnn'):
        with pytest.raises(
            ValueError, match=r'Expected a backbone with attention \(ViT or Conformer\), but got ResNet'
        ):
            generator(model, x, LABELS)
        return
    cams = generator(model, x, LABELS)
    assert cams.layer_cams.shape == (3, 1, 3, *size)
    assert torch.isfinite(cams.layer_cams).all()
    assert cams.layer_cams.min() >= 0 and cams.layer_cams.max() <= 1 + 1e-6
    assert (cams.raw_max[:, 0][~LABELS] == 0).all() and (cams.raw_max[:, 0][LABELS] > 0).any()
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize('method', ['gradcampp', 'layercam'])
def test_golden(method, golden):
    layers = [nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 10, 3, 2, 1), nn.Tanh()]
    net = nn.Sequential(*layers, nn.Identity(), nn.Identity(), nn.Linear(10, 7), nn.ReLU(), nn.Linear(7, 4))
    net.load_state_dict({key[11:]: torch.from_numpy(v) for key, v in golden.items() if key.startswith('cam/weight/')})
    activation = net[:4](torch.from_numpy(golden['cam/input']))
    scores = net[6:](activation.mean((2, 3)))
    rule = {'gradcampp': grad_cam_plus_plus, 'layercam': layer_cam}[method]
    for k in range(4):
        raw = rule(activation, torch.autograd.grad(scores[:, k].sum(), activation, retain_graph=True)[0])
        if method == 'layercam':
            assert np.allclose(raw.detach(), golden[f'cam/raw_layercam_class{k}'], atol=1e-6)
        library = scale_min_max(resize_cam(scale_min_max(raw)[:, None], (24, 32)))[:, 0].detach().numpy()
        assert np.abs(library - golden[f'cam/library_{method}_class{k}']).max() < 0.02


def test_rules_by_loops():
    rng = np.random.default_rng(0)
    a, g = rng.normal(size=(2, 1, 3, 2, 4))
    layered, plus = np.zeros((2, 4)), np.zeros((2, 4))
    for c in range(3):
        weight = 0.0
        for i in range(2):
            for j in range(4):
                layered[i, j] += max(g[0, c, i, j], 0) * a[0, c, i, j]
                alpha = g[0, c, i, j] ** 2 / (2 * g[0, c, i, j] ** 2 + g[0, c, i, j] ** 3 * a[0, c].sum() + 1e-6)
                weight += alpha * max(g[0, c, i, j], 0)
        plus += weight * a[0, c]
    tensors = [torch.from_numpy(value) for value in (a, g)]
    assert np.allclose(layer_cam(*tensors)[0], layered.clip(0), atol=1e-9)
    assert np.allclose(grad_cam_plus_plus(*tensors)[0], plus.clip(0), atol=1e-9)


@pytest.mark.parametrize('config', [vit, conformer], ids=lambda f: f.__name__)
def test_attention_is_that_of_the_network(config):
    """Softmax of the same queries and keys times the values gives what the block's own attention gives."""
    model, x = build(config()), inputs((64, 96))
    seen = []
    taps = AttentionTap(model)
    block = taps._blocks[-1]
    handles = [
        block.attn.qkv.register_forward_hook(lambda m, i, o: seen.append(o)),
        block.attn.proj.register_forward_hook(lambda m, i, o: seen.append(i[0])),
    ]
    with taps as tap, torch.no_grad():
        model(x)
        attention, grid = tap.attentions()[-1], tap.grid
    for handle in handles:
        handle.remove()
    assert attention.shape == (3, 1 + grid[0] * grid[1], 1 + grid[0] * grid[1])
    qkv, out = seen
    q, k, v = qkv.view(3, -1, 3, 2, 8).permute(2, 0, 3, 1, 4)
    heads = (q @ k.transpose(2, 3) / 8**0.5).softmax(-1)
    assert torch.allclose((heads @ v).transpose(1, 2).flatten(2), out, atol=1e-5)
    assert torch.allclose(heads.mean(1), attention, atol=1e-5)
    assert not any(m._forward_hooks for m in model.modules())


def test_rollout_by_hand():
    torch.manual_seed(0)
    layers = [torch.rand(1, 4, 4).softmax(-1) for _ in range(3)]
    joint = np.eye(4)
    for layer in layers:
        joint = ((layer[0].numpy() + np.eye(4)) / 2) @ joint
    assert np.allclose(attention_rollout(layers)[0], joint, atol=1e-6)
    assert np.allclose(attention_rollout(layers).sum(-1), 1, atol=1e-6)


def test_transcam_by_hand():
    model, x = build(conformer()), inputs((64, 96))
    cams = CAMGenerator('transcam', classes='all')(model, x)
    with AttentionTap(model) as tap, torch.no_grad():
        feats = model.extract_feat(x)
        attentions, grid = tap.attentions(), tap.grid
        class_maps = model.head.class_maps(feats)
        assert class_maps.shape[2:] == grid == (4, 6)  # the last stride is left out
    expected = torch.zeros(3, 3, 4, 6)
    for b in range(3):
        affinity = sum(a[b, 1:, 1:] for a in attentions)
        for k in range(3):
            expected[b, k] = (affinity @ class_maps[b, k].relu().flatten()).view(4, 6)
    large = F.interpolate(expected, (64, 96), mode='bilinear', align_corners=False)
    assert torch.allclose(cams.layer_cams[:, 0], scale_by_max(large), atol=1e-4)
    assert torch.allclose(cams.scores, model(x).sigmoid(), atol=1e-5)
    ones = spread_by_attention(torch.ones(1, 1, 2, 2), [torch.full((1, 5, 5), 0.2)] * 2)
    assert torch.allclose(ones, torch.full((1, 1, 2, 2), 1.6))


def test_score_cam_by_hand():
    model, x = build(pooled(2)), inputs((16, 16), batch=1)
    with torch.no_grad():
        activation = model.backbone.layer3[-1]
        kept = []
        handle = activation.register_forward_hook(lambda m, i, o: kept.append(o))
        model(x)
        handle.remove()
        a = kept[0][0]
        scores = []
        for channel in a:
            mask = F.interpolate(channel[None, None], (16, 16), mode='bilinear', align_corners=False)[0, 0]
            mask = (mask - mask.min()) / (mask.max() - mask.min() + 1e-7)
            scores.append(model(x * mask)[0])
        weight = torch.stack(scores).softmax(0)
        expected = torch.stack([(weight[:, k, None, None] * a).sum(0).relu() for k in range(2)])
    wanted = torch.ones(1, 2, dtype=torch.bool)
    maps, _ = METHODS['scorecam'](model, x, wanted, (-1,))
    assert torch.allclose(maps[0, 0], expected, atol=1e-5)


def test_heads_that_do_not_fit():
    x = inputs((64, 96))
    with pytest.raises(ValueError, match="Expected a TransCAMHead for the method 'transcam', but got ClassTokenHead"):
        CAMGenerator('transcam')(build(vit()), x, LABELS)
    with pytest.raises(ValueError, match="Expected a PCMHead for the method 'pcm', but got TransCAMHead"):
        CAMGenerator('pcm')(build(conformer()), x, LABELS)
    assert CAMGenerator('layercam', target_layers=(-2, -1)).num_layers == 2
    assert CAMGenerator('pcm', target_layers=(-2, -1)).num_layers == 1
    assert build(pcm()).num_classes == 3


def test_several_layers_of_a_conformer_from_one_pass():
    model, x = build(conformer()), inputs((64, 96))
    both = CAMGenerator('layercam', target_layers=(-2, -1), classes='all')(model, x)
    for position, layer in enumerate((-2, -1)):
        alone = CAMGenerator('layercam', target_layers=(layer,), classes='all')(model, x)
        assert torch.allclose(both.layer_cams[:, position], alone.layer_cams[:, 0], atol=1e-5)
