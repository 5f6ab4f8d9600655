"""Every kind of map, on CNN, ViT and Conformer, against independent computations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from dense_maps import all_pairs, dense_maps, dense_raw_max
from mmengine.registry import init_default_scope
from test_cam import LABELS, build, inputs, pcm, pooled, vit
from torch import nn

from mmwsss.cam import CAMGenerator, class_token
from mmwsss.cam.functional import (
    attention_rollout,
    grad_cam_plus_plus,
    layer_cam,
    resize_cam,
    scale_by_max,
    scale_min_max,
    spread_by_attention,
)
from mmwsss.cam.methods import METHODS, backward_groups
from mmwsss.models.backbones.attention import explicit_attention, transformer_blocks
from mmwsss.registry import MODELS


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
    assert dense_maps(cams).shape == (3, 1, 3, *size)
    assert torch.isfinite(dense_maps(cams)).all()
    assert dense_maps(cams).min() >= 0 and dense_maps(cams).max() <= 1 + 1e-6
    assert (dense_raw_max(cams)[:, 0][~LABELS] == 0).all() and (dense_raw_max(cams)[:, 0][LABELS] > 0).any()
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
def test_explicit_attention_equals_the_fused_one(config):
    model, x = build(config()), inputs((64, 96))
    fused = model(x)
    outputs = []
    blocks = transformer_blocks(model.backbone)
    handle = blocks[-1].attn.qkv.register_forward_hook(lambda m, i, o: outputs.append(o))
    with explicit_attention(model.backbone) as attentions:
        shown = model(x)
    handle.remove()
    assert torch.allclose(fused, shown, atol=1e-5)
    assert len(attentions.means) == len(blocks) == 3 and not attentions.heads
    q, k, _ = outputs[0].view(3, -1, 3, 2, 8).permute(2, 0, 3, 1, 4)
    assert torch.allclose((q @ k.transpose(2, 3) / 8**0.5).softmax(-1).mean(1), attentions.means[-1], atol=1e-6)
    assert torch.equal(model(x), fused)  # fused again
    gradient = torch.autograd.grad(fused.sum(), next(model.head.parameters()))[0]
    with explicit_attention(model.backbone):
        again = torch.autograd.grad(model(x).sum(), next(model.head.parameters()))[0]
    assert torch.allclose(gradient, again, atol=1e-5)


def test_fused_attention_is_back_after_an_error():
    model = build(vit())
    before = [block.attn.scaled_dot_product_attention for block in model.backbone.layers]
    with pytest.raises(RuntimeError, match='inside'), explicit_attention(model.backbone):
        raise RuntimeError('inside')
    assert [block.attn.scaled_dot_product_attention for block in model.backbone.layers] == before
    assert torch.is_grad_enabled()


def plain_attention_gradient(model, x, k, refine):
    """Autograd through the whole network with attention written out in the blocks."""
    backbone, kept = model.backbone, []
    tokens, _ = backbone.patch_embed(x)
    tokens = torch.cat([backbone.cls_token.expand(len(x), -1, -1), tokens], 1)
    tokens = tokens + backbone.resize_pos_embed(
        backbone.pos_embed, backbone.patch_resolution, (x.shape[2] // 8, x.shape[3] // 8), 'bicubic', 1
    )
    for block in backbone.layers:
        q, key, v = block.attn.qkv(block.ln1(tokens)).view(len(x), -1, 3, 2, 8).permute(2, 0, 3, 1, 4)
        attention = (q @ key.transpose(2, 3) / 8**0.5).softmax(-1)
        kept.append(attention)
        tokens = tokens + block.attn.proj((attention @ v).transpose(1, 2).flatten(2))
        tokens = block.ffn(block.ln2(tokens), identity=tokens)
    logit = model.head.fc(backbone.ln1(tokens)[:, 0])[:, k].sum()
    gradients = torch.autograd.grad(logit, kept[-2:])
    row = sum(g.clamp(min=0).mean(1)[:, 0, 1:] for g in gradients)
    if refine:
        row = torch.einsum('bij,bj->bi', sum(a.mean(1)[:, 1:, 1:] for a in kept), row)
    return row.view(len(x), x.shape[2] // 8, x.shape[3] // 8).detach()


@pytest.mark.parametrize('method', ['acr', 'acr_unrefined'])
def test_acr_localisation_equals_plain_autograd(method):
    model, x = build(vit()), inputs((32, 48))
    maps, logits = METHODS[method](model, x, all_pairs(3, 3), ())
    maps = maps[:, 0].view(3, 3, 4, 6)
    for k in range(3):
        assert torch.allclose(maps[:, k], plain_attention_gradient(model, x, k, method == 'acr'), rtol=1e-3, atol=1e-7)
    assert torch.allclose(logits, model(x), atol=1e-5)
    for k in range(3):  # one class at a time
        alone = (torch.arange(3), torch.full((3,), k))
        assert torch.allclose(METHODS[method](model, x, alone, ())[0][:, 0], maps[:, k], atol=1e-6)
    assert torch.is_grad_enabled() and all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize('method', ['gradcam', 'layercam', 'gradcampp', 'scorecam', 'acr'])
def test_all_classes_of_a_batch_equal_one_class_at_a_time(method):
    model, x = build(vit()), inputs()
    together = CAMGenerator(method, classes='all', size_divisor=8)(model, x)
    for k in range(3):
        for image in range(3):
            label = torch.zeros(1, 3, dtype=torch.bool)
            label[0, k] = True
            alone = CAMGenerator(method, size_divisor=8)(model, x[image : image + 1], label)
            assert torch.allclose(dense_raw_max(alone)[0, 0, k], dense_raw_max(together)[image, 0, k], atol=1e-5)
            assert torch.allclose(dense_maps(alone)[0, 0, k], dense_maps(together)[image, 0, k], atol=1e-4)


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
    with explicit_attention(model.backbone) as kept, torch.no_grad():
        class_maps = model.head.class_maps(model.extract_feat(x))
    attentions = kept.means
    assert class_maps.shape[2:] == (4, 6)  # the last stride is left out
    expected = torch.zeros(3, 3, 4, 6)
    for b in range(3):
        affinity = sum(a[b, 1:, 1:] for a in attentions)
        for k in range(3):
            expected[b, k] = (affinity @ class_maps[b, k].relu().flatten()).view(4, 6)
    large = F.interpolate(expected, (64, 96), mode='bilinear', align_corners=False)
    assert torch.allclose(dense_maps(cams)[:, 0], scale_by_max(large), atol=1e-4)
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
    maps, _ = METHODS['scorecam'](model, x, all_pairs(1, 2), (-1,))
    assert torch.allclose(maps[:, 0], expected, atol=1e-5)


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
        assert torch.allclose(dense_maps(both)[:, position], dense_maps(alone)[:, 0], atol=1e-5)


@pytest.mark.parametrize('layers', [(-1,), (-2,), (-2, -1)])
@pytest.mark.parametrize('method', ['gradcam', 'gradcampp', 'layercam'])
def test_last_block_for_the_class_token_alone_changes_nothing(method, layers, monkeypatch):
    """The shortened last block gives the logits and maps of the whole one."""
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    backbone = {
        'type': 'mmwsss.TokenMapVisionTransformer',
        'arch': {'embed_dims': 24, 'num_layers': 3, 'num_heads': 3, 'feedforward_channels': 48},
        'img_size': 32,
        'patch_size': 8,
        'layer_scale_init_value': 0.5,
    }
    head = {'type': 'mmwsss.ClassTokenHead', 'num_classes': 3, 'in_channels': 24}
    model = MODELS.build({'type': 'mmwsss.MapClassifier', 'backbone': backbone, 'head': head})
    model.init_weights()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    model.eval()
    inputs, labels = torch.randn(4, 3, 32, 48), torch.rand(4, 3) < 0.6
    labels[0] = True
    generator = CAMGenerator(method, target_layers=layers, scales=(1.0, 2.0), flip=True)
    short = generator(model, inputs, labels)
    assert 'forward' not in vars(model.backbone.layers[-1])
    monkeypatch.setattr(class_token, 'reads_class_token_only', lambda classifier: False)
    whole = generator(model, inputs, labels)
    monkeypatch.undo()
    named = CAMGenerator(method, target_layers=('backbone.layers.2.ffn', 'backbone.layers.2.ln2'))
    # parts of the last block are computed whole
    assert named(model, inputs, labels).maps.shape == (int(labels.sum()), 2, 32, 48)
    assert torch.allclose(short.scores, whole.scores, atol=1e-5)
    assert torch.allclose(dense_maps(short), dense_maps(whole), atol=1e-4) and dense_maps(whole).max() == 1


def test_groups_have_every_pair_once_and_no_image_twice():
    images, classes = torch.tensor([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]]).nonzero(as_tuple=True)
    groups = list(backward_groups(images))
    assert len(groups) == 3  # the most classes of an image
    for group in groups:
        assert len(set(images[group].tolist())) == len(group)
    assert sorted(torch.cat(groups).tolist()) == list(range(len(classes)))
    assert list(backward_groups(torch.zeros(0, dtype=torch.long))) == []
