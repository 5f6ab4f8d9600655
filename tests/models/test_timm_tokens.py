"""Vision transformers of timm as backbones: tokens, sizes, normalisation, attention, weights under their own names."""

import json

import numpy as np
import open_clip
import pytest
import timm
import torch
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.structures import DataSample
from torch import nn

from mmwsss.cam import CAMGenerator
from mmwsss.models.backbones import TimmTokens
from mmwsss.models.backbones.attention import explicit_attention
from mmwsss.models.consistency import AllPairsConsistency
from mmwsss.refine import FeatureAffinityRefine

TINY = {'embed_dim': 24, 'depth': 3, 'num_heads': 2}
FAMILIES = {
    'DINOv2': ('vit_small_patch14_dinov2.lvd142m', 1, 14),
    'DINOv2 with registers': ('vit_small_patch14_reg4_dinov2.lvd142m', 5, 14),
    'DINOv3': ('vit_small_patch16_dinov3.lvd1689m', 5, 16),
    'CLIP': ('vit_base_patch16_clip_quickgelu_224.openai', 1, 16),
    'SigLIP': ('vit_base_patch16_siglip_gap_224.webli', 0, 16),
    'EVA-02': ('eva02_tiny_patch14_224.mim_in22k', 1, 14),
    'DeiT-III': ('deit3_small_patch16_224.fb_in22k_ft_in1k', 1, 16),
}


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


def build(family, **arguments):
    torch.manual_seed(0)
    net = TimmTokens(FAMILIES[family][0], **{**TINY, **arguments}).eval()
    for parameter in net.parameters():  # so that no token is like another
        nn.init.normal_(parameter, std=0.2)
    return net


def reference(family, net):
    """The whole network of timm with the same weights."""
    whole = timm.create_model(FAMILIES[family][0], dynamic_img_size=True, num_classes=0, **TINY).eval()
    state = net.network.state_dict()
    missing, unexpected = whole.load_state_dict(state, strict=False)
    assert not unexpected and all(name.startswith(('norm', 'fc_norm', 'head', 'attn_pool')) for name in missing)
    return whole


@pytest.mark.parametrize('family', FAMILIES)
def test_tokens_of_every_family(family):
    """Map and class token are the rows of the token sequence that timm itself gives."""
    _, prefix, patch = FAMILIES[family]
    net = build(family, out_indices=(0, -1))
    images = torch.randn(2, 3, 4 * patch, 6 * patch)
    with torch.no_grad():
        first, last = net(images)
        tokens = reference(family, net).forward_features(images)
    assert net.out_channels == [24, 24] and net.out_strides == [patch] * 2 and net.num_extra_tokens == prefix
    assert first[0].shape == last[0].shape == (2, 24, 4, 6) and last[1].shape == (2, 24)
    for row in range(4):
        for column in range(6):
            assert torch.allclose(last[0][:, :, row, column], tokens[:, prefix + 6 * row + column], atol=1e-4)
    assert torch.allclose(last[1], tokens[:, 0] if prefix else tokens.mean(1), atol=1e-4)
    assert not torch.allclose(first[0], last[0], atol=0.01)


@pytest.mark.parametrize('family', ['DINOv3', 'CLIP', 'SigLIP'])
def test_normalisation_belongs_to_the_weights(family):
    raw = torch.rand(1, 3, 64, 64) * 255
    imagenet_mean, imagenet_std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    own, imagenet = build(family), build(family, input_mean=imagenet_mean, input_std=imagenet_std)
    pixels = build(family, input_mean=(0, 0, 0), input_std=(1, 1, 1))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (own.pixel_mean, own.pixel_std))
    known = {'DINOv3': 123.675, 'CLIP': 255 * 0.48145466, 'SigLIP': 127.5}
    assert own.pixel_mean[0] == pytest.approx(known[family])
    given = (raw - torch.tensor(imagenet_mean).view(3, 1, 1)) / torch.tensor(imagenet_std).view(3, 1, 1)
    with torch.no_grad():
        expected = own((raw - mean) / std)[0][0]
        assert torch.allclose(pixels(raw)[0][0], expected, atol=1e-4)
        assert torch.allclose(imagenet(given)[0][0], expected, atol=1e-4)
    assert '_factor' not in ''.join(imagenet.state_dict())


@pytest.mark.parametrize('family', FAMILIES)
def test_attention_where_asked(family):
    _, prefix, patch = FAMILIES[family]
    net, images = build(family), torch.randn(2, 3, 3 * patch, 2 * patch)
    with torch.no_grad():
        plain = net(images)[0][0]
        with explicit_attention(net) as attentions:
            shown = net(images)[0][0]
    assert torch.allclose(plain, shown, atol=1e-4) and len(attentions.means) == 3
    assert all(mean.shape == (2, 6 + prefix, 6 + prefix) for mean in attentions.means)
    assert torch.allclose(attentions.means[1].sum(-1), torch.ones(2, 6 + prefix), atol=1e-5)
    assert all(block.attn.fused_attn for block in net.blocks) and not net.blocks[0].attn.attn_drop._forward_hooks
    if family == 'DeiT-III':  # by hand from the first block's input
        block = net.blocks[0]
        kept = []
        handle = block.attn.qkv.register_forward_hook(lambda m, i, o: kept.append(o))
        with torch.no_grad():
            net(images)
        handle.remove()
        query, key, _ = kept[0][0].view(7, 3, 2, 12).unbind(1)
        heads = [torch.softmax(query[:, head] @ key[:, head].T / 12**0.5, -1) for head in range(2)]
        assert torch.allclose(attentions.means[0][0], sum(heads) / 2, atol=1e-5)


def classifier(family, head='ClassTokenHead'):
    torch.manual_seed(0)
    config = {
        'type': 'mmwsss.MapClassifier',
        'backbone': {'type': 'mmwsss.TimmTokens', 'name': FAMILIES[family][0], **TINY},
        'head': {'type': f'mmwsss.{head}', 'num_classes': 3, 'in_channels': 24},
    }
    model = MODELS.build(config)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.eval()


@pytest.mark.parametrize('family', FAMILIES)
def test_sizes_fit_the_patches_by_themselves(family):
    """Scales and sides that the patch size does not divide: nobody has to name it."""
    patch = FAMILIES[family][2]
    cams = CAMGenerator('cam', scales=(0.75, 1.0), classes='all')(
        classifier(family, 'PooledHead'), torch.randn(1, 3, 4 * patch, 4 * patch)
    )
    assert cams.maps.shape == (3, 1, 4 * patch, 4 * patch) and cams.maps.isfinite().all()
    step = FeatureAffinityRefine({'type': 'mmwsss.TimmTokens', 'name': FAMILIES[family][0], **TINY}, max_side=70)
    data = {'img': np.zeros((60, 90, 3), np.uint8), 'cam': np.ones((1, 60, 90), np.float32), 'classes': np.array([0])}
    assert step(data)['cam'].shape == (1, 60, 90) and step.features.size_divisor == patch


@pytest.mark.parametrize('family', FAMILIES)
@pytest.mark.parametrize(('part', 'paradigm'), [('teacher', 'ts'), ('teacher', 'co'), ('student', 'co')])
def test_teacher_and_student_of_every_family(family, part, paradigm, tmp_path):
    """The consistency loss on class maps: what learns gets a gradient, a frozen teacher none."""
    init_default_scope('mmpretrain')
    patch = FAMILIES[family][2]
    vit = {'type': 'mmwsss.TimmTokens', 'name': FAMILIES[family][0], **TINY}
    cnn = {'type': 'mmwsss.TimmFeatures', 'name': 'resnet18', 'out_indices': (4,), 'output_stride': 16}
    head = {'type': 'mmwsss.PooledHead', 'num_classes': 2}
    nets = {
        name: {'type': 'mmwsss.MapClassifier', 'backbone': backbone, 'head': {**head, 'in_channels': channels}}
        for name, backbone, channels in [
            (part, vit, 24),
            ({'teacher': 'student', 'student': 'teacher'}[part], cnn, 512),
        ]
    }
    settings = {
        'type': 'mmwsss.CrossArchDistiller',
        **nets,
        'student_map': 'class_maps',
        'paradigm': paradigm,
        'kt_loss': {'type': 'mmwsss.CosineGlobalKTLoss'},
    }
    if paradigm == 'ts':
        settings['teacher_checkpoint'] = str(tmp_path / 'teacher.pth')
        torch.save({'state_dict': MODELS.build(nets['teacher']).state_dict()}, settings['teacher_checkpoint'])
    model = MODELS.build(settings)
    model.init_weights()
    model.train()
    images = torch.randn(2, 3, 4 * patch, 4 * patch)
    samples = [DataSample().set_gt_score(torch.tensor([1.0, 0.0])), DataSample().set_gt_score(torch.tensor([0.0, 1.0]))]
    losses = model.loss(images, samples)
    assert all(value.isfinite().all() for value in losses.values()) and any('kt' in name for name in losses)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    for name in ('teacher', 'student'):
        learns = [p.grad is not None and p.grad.abs().sum() > 0 for p in getattr(model, name).backbone.parameters()]
        assert any(learns) != (paradigm == 'ts' and name == 'teacher')


@pytest.mark.parametrize('family', ['DINOv2 with registers', 'DINOv3', 'DeiT-III'])
@pytest.mark.parametrize('method', ['gradcam', 'rollout', 'acr', 'acr_unrefined'])
def test_maps_of_every_kind(family, method):
    """As our own ViT: gradients by hand at the first norm of the last block, and at the attention of the last two."""
    _, prefix, patch = FAMILIES[family]
    model, images = classifier(family), torch.randn(1, 3, 4 * patch, 3 * patch)
    cams = CAMGenerator(method, classes='all', size_divisor=patch)(model, images)
    assert cams.maps.shape == (3, 1, 4 * patch, 3 * patch) and float(cams.maps.std()) > 0
    if method == 'gradcam':
        kept = []
        norm = model.backbone.blocks[-1].norm1
        handle = norm.register_forward_hook(lambda m, i, o: kept.append(o.retain_grad() or o))
        for label in range(3):
            kept.clear()
            model(images)[0, label].backward()
            tokens, gradient = kept[0].detach()[0, prefix:], kept[0].grad[0, prefix:]
            cam = (gradient.mean(0) * tokens).sum(1).clamp(min=0).view(1, 1, 4, 3)
            cam = nn.functional.interpolate(cam, images.shape[2:], mode='bilinear')[0, 0]
            assert torch.allclose(cams.maps[label, 0], cam / cam.max().clamp(min=1e-12), atol=1e-3)
        handle.remove()
    if method == 'acr_unrefined':
        with explicit_attention(model.backbone, heads_from=1) as attentions:
            logits = model(images)
            heads = [attentions.heads[1], attentions.heads[2]]
            for label in range(3):
                gradients = torch.autograd.grad(logits[0, label], heads, retain_graph=True)
                cam = sum(g[0].clamp(min=0).mean(0)[0, prefix:] for g in gradients).view(1, 1, 4, 3)
                cam = nn.functional.interpolate(cam, images.shape[2:], mode='bilinear')[0, 0]
                assert torch.allclose(cams.maps[label, 0], cam / cam.max(), atol=1e-3)


def test_maps_of_the_head_and_no_class_token():
    model, images = classifier('SigLIP', 'PooledHead'), torch.randn(1, 3, 32, 48)
    assert CAMGenerator('cam', classes='all')(model, images).maps.shape == (3, 1, 32, 48)
    with pytest.raises(ValueError, match='Expected a class token, whose attention is the map'):
        CAMGenerator('rollout', classes='all')(model, images)


def test_a_training_step_with_all_pairs_consistency():
    from mmpretrain.structures import DataSample

    config = {
        'type': 'mmwsss.MapClassifier',
        'backbone': {'type': 'mmwsss.TimmTokens', 'name': FAMILIES['DINOv2 with registers'][0], **TINY},
        'head': {'type': 'mmwsss.ClassTokenHead', 'num_classes': 3, 'in_channels': 24},
    }
    model = AllPairsConsistency(config)
    samples = [DataSample().set_gt_score(torch.tensor([1.0, 0, 1])) for _ in range(2)]
    losses = model(torch.randn(2, 3, 56, 56), samples, mode='loss')
    sum(losses.values()).backward()
    assert model.model.backbone.blocks[0].attn.qkv.weight.grad.abs().sum() > 0


def test_weights_of_open_clip_under_their_own_names(tmp_path):
    """A CLIP's image tower in a file of open_clip: the same features here."""
    config = {
        'embed_dim': 16,
        'quick_gelu': True,
        'vision_cfg': {'image_size': 32, 'layers': 3, 'width': 24, 'head_width': 12, 'patch_size': 8},
        'text_cfg': {'context_length': 8, 'vocab_size': 50, 'width': 16, 'heads': 2, 'layers': 1},
    }
    (tmp_path / 'toy-visual.json').write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path)
    torch.manual_seed(0)
    clip = open_clip.create_model('toy-visual').eval()
    for parameter in clip.parameters():
        nn.init.normal_(parameter, std=0.3)
    torch.save(clip.state_dict(), tmp_path / 'clip.pt')
    init_cfg = {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'clip.pt')}
    net = TimmTokens(FAMILIES['CLIP'][0], img_size=32, patch_size=8, num_classes=16, init_cfg=init_cfg, **TINY)
    net.init_weights()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        patches, token = net.eval()(images)[0]
        expected = clip.visual.forward_intermediates(
            images, 1, normalize_intermediates=True, output_extra_tokens=True, intermediates_only=True
        )
    assert torch.allclose(patches, expected['image_intermediates'][0], atol=1e-3)
    assert torch.allclose(token, expected['image_intermediates_prefix'][0][:, 0], atol=1e-3)


def test_weights_must_be_whole(tmp_path):
    state = timm.create_model(FAMILIES['DeiT-III'][0], **TINY).state_dict()
    torch.save({'state_dict': state}, tmp_path / 'whole.pth')
    init_cfg = {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'whole.pth')}
    net = TimmTokens(FAMILIES['DeiT-III'][0], out_indices=(0,), init_cfg=init_cfg, **TINY)
    net.init_weights()
    assert len(net.blocks) == 1 and torch.equal(net.blocks[0].attn.qkv.weight, state['blocks.0.attn.qkv.weight'])
    del state['blocks.0.attn.qkv.weight']
    torch.save({'state_dict': state}, tmp_path / 'whole.pth')
    with pytest.raises(ValueError, match=r'checkpoint .*whole\.pth does not fit timm.s deit3'):
        TimmTokens(FAMILIES['DeiT-III'][0], init_cfg=init_cfg, **TINY).init_weights()


def test_features_for_affinity_need_no_mean():
    """The refiner takes the normalisation that the backbone says is its weights' own."""
    backbone = {'type': 'mmwsss.TimmTokens', 'name': FAMILIES['SigLIP'][0], **TINY}
    step = FeatureAffinityRefine(backbone, max_side=64)
    assert step.features.mean.flatten().tolist() == [127.5] * 3 and step.features.std.flatten().tolist() == [127.5] * 3
    img = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    assert step({'img': img, 'cam': np.ones((1, 40, 60), np.float32), 'classes': [0]})['cam'] == pytest.approx(
        1, abs=1e-5
    )


def test_bad_arguments():
    with pytest.raises(ValueError, match="name of a network of timm, but got 'vit_huge_patch0'"):
        TimmTokens('vit_huge_patch0')
    with pytest.raises(ValueError, match="Expected a plain vision transformer of timm, but got 'resnet18'"):
        TimmTokens('resnet18')
    with pytest.raises(ValueError, match=r'Expected out_indices in \[-3, 2\] for vit_small_.* but got \(3'):
        build('DINOv2', out_indices=(3,))
    with pytest.raises(ValueError, match='Expected both input_mean and input_std or none'):
        build('DINOv2', input_mean=(0, 0, 0))
    with pytest.raises(ValueError, match=r'multiples of the patch size 14 of vit_small_patch14_dinov2.* got 28 x 30'):
        build('DINOv2')(torch.zeros(1, 3, 28, 30))
