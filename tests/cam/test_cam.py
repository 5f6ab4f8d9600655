"""Grad-CAM against plain autograd on the whole network, and everything that the generator adds."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from dense_maps import dense_maps, dense_raw_max
from mmengine.registry import init_default_scope
from torch import nn

from mmwsss.cam import CAMGenerator, LayerTap, target_layers
from mmwsss.cam.functional import grad_cam, resize_cam, scale_by_max, scale_min_max
from mmwsss.registry import MODELS, TASK_UTILS

ARCH = {'embed_dims': 16, 'num_layers': 3, 'num_heads': 2, 'feedforward_channels': 32}
RESNET = {
    'type': 'ResNet', 'depth': 18, 'stem_channels': 8, 'base_channels': 8, 'num_stages': 3,
    'strides': (1, 2, 1), 'dilations': (1, 1, 1), 'out_indices': (1, 2),
}  # fmt: skip


def vit(classes=3):
    return {
        'type': 'mmwsss.MapClassifier',
        'backbone': {'type': 'mmwsss.TokenMapVisionTransformer', 'arch': ARCH, 'img_size': 32, 'patch_size': 8},
        'head': {'type': 'mmwsss.ClassTokenHead', 'num_classes': classes, 'in_channels': 16},
    }


def pooled(classes=3):
    head = {'type': 'mmwsss.PooledHead', 'num_classes': classes, 'in_channels': 32}
    return {'type': 'mmwsss.MapClassifier', 'backbone': RESNET, 'head': head}


def pcm(classes=3):
    head = {'type': 'mmwsss.PCMHead', 'num_classes': classes, 'in_channels': (16, 32), 'feature_channels': 4,
            'correlation_channels': 8, 'map_channels': 'classes_and_extra'}  # fmt: skip
    return {'type': 'mmwsss.MapClassifier', 'with_image': True, 'backbone': RESNET, 'head': head}


def build(config):
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config))
    model.init_weights()
    for parameter in model.parameters():  # away from zero gammas and tiny heads
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model.eval()


def inputs(size=(32, 32), batch=3):
    torch.manual_seed(1)
    return torch.randn(batch, 3, *size)


LABELS = torch.tensor([[True, False, True], [False, False, False], [False, True, False]])


def plain_grad_cam(model, x, k):
    """Autograd through the whole network, with gradients everywhere."""
    kept = {}
    layer = model.backbone.layers[-1].ln1 if hasattr(model.backbone, 'layers') else model.backbone.layer3[-1]
    handle = layer.register_forward_hook(lambda m, i, o: kept.__setitem__('a', o))
    score = model(x)[:, k].sum()
    handle.remove()
    a, g = kept['a'], torch.autograd.grad(score, kept['a'])[0]
    if a.ndim == 3:
        h, w = x.shape[2] // 8, x.shape[3] // 8
        a, g = (t[:, 1:].transpose(1, 2).reshape(len(x), -1, h, w) for t in (a, g))
    return torch.einsum('bc,bchw->bhw', g.mean((2, 3)), a).clamp(min=0).detach()


@pytest.mark.parametrize('config', [vit, pooled, pcm], ids=lambda f: f.__name__)
@pytest.mark.parametrize('size', [(32, 32), (32, 48)])
def test_grad_cam_equals_autograd_on_the_whole_network(config, size):
    model, x = build(config()), inputs(size)
    cams = CAMGenerator(classes='all', size_divisor=8)(model, x)
    for k in range(3):
        raw = plain_grad_cam(model, x, k)
        large = F.interpolate(raw[:, None], size, mode='bilinear', align_corners=False)[:, 0]
        assert torch.allclose(dense_raw_max(cams)[:, 0, k], large.amax((1, 2)), rtol=1e-4, atol=1e-7)
        peak = large.amax((1, 2), keepdim=True)
        assert torch.allclose(dense_maps(cams)[:, 0, k], large / peak.clamp(min=1e-12), atol=1e-4)
    assert torch.allclose(cams.scores, model(x).sigmoid(), atol=1e-5)


def test_grad_cam_golden(golden):
    layers = [nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 10, 3, 2, 1), nn.Tanh()]
    net = nn.Sequential(*layers, nn.Identity(), nn.Identity(), nn.Linear(10, 7), nn.ReLU(), nn.Linear(7, 4))
    net.load_state_dict({key[11:]: torch.from_numpy(v) for key, v in golden.items() if key.startswith('cam/weight/')})
    activation = net[:4](torch.from_numpy(golden['cam/input']))
    scores = net[6:](activation.mean((2, 3)))
    for k in range(4):
        gradient = torch.autograd.grad(scores[:, k].sum(), activation, retain_graph=True)[0]
        assert np.allclose(grad_cam(activation, gradient).detach(), golden[f'cam/raw_gradcam_class{k}'], atol=1e-6)
        library = scale_min_max(resize_cam(scale_min_max(grad_cam(activation, gradient))[:, None], (24, 32)))[:, 0]
        assert np.abs(library.detach().numpy() - golden[f'cam/library_gradcam_class{k}']).max() < 0.02


def test_only_what_is_above_the_layer_is_differentiated():
    model, x = build(vit()), inputs()
    with LayerTap(model, target_layers(model, [-1])) as tap:
        seen = {}
        handle = model.backbone.layers[0].register_forward_hook(lambda m, i, o: seen.__setitem__('low', o))
        logits = model(x)
        handle.remove()
        assert not seen['low'].requires_grad
        assert logits.requires_grad
        assert tap.gradients(logits.sum())[0].shape == tap.maps()[0].shape == (3, 16, 4, 4)
    assert torch.is_grad_enabled()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_hooks_are_gone_after_an_error():
    model = build(vit())
    layer = target_layers(model, [-1])[0]
    with pytest.raises(RuntimeError, match='inside'), LayerTap(model, [layer]):
        raise RuntimeError('inside')
    assert not layer._forward_hooks and not model.backbone.patch_embed._forward_hooks
    assert torch.is_grad_enabled()


def test_several_layers_from_one_pass():
    model, x = build(vit()), inputs()
    both = CAMGenerator(target_layers=(-3, -1), classes='all', size_divisor=8)(model, x)
    for position, layer in enumerate((-3, -1)):
        alone = CAMGenerator(target_layers=(layer,), classes='all', size_divisor=8)(model, x)
        assert torch.allclose(dense_maps(both)[:, position], dense_maps(alone)[:, 0], atol=1e-5)


def test_classes_of_the_label_only_and_normalised_once():
    model, x = build(vit()), inputs()
    cams = CAMGenerator(scales=(1.0, 2.0), flip=True, size_divisor=8)(model, x, LABELS)
    peak = dense_maps(cams).amax((3, 4))[:, 0]
    assert (peak[~LABELS] == 0).all()
    assert torch.allclose(peak[(dense_raw_max(cams)[:, 0] > 0)], torch.ones(()))
    assert (dense_maps(cams) >= 0).all()
    assert cams.maps.shape == (3, 1, 32, 32)  # three pairs in the batch, and no map of another class
    assert cams.image_index.tolist() == [0, 0, 2] and cams.class_index.tolist() == [0, 2, 1]
    one_by_one = [CAMGenerator(scales=(1.0, 2.0), flip=True, size_divisor=8)(model, x[i : i + 1], LABELS[i : i + 1])
                  for i in range(3)]  # fmt: skip
    for i, single in enumerate(one_by_one):
        assert torch.allclose(dense_maps(single)[0], dense_maps(cams)[i], atol=1e-4)


def test_scales_and_flip_are_a_mean_of_raw_maps():
    model, x = build(pooled()), inputs()

    def raw(image):
        maps = model.head.class_maps(model.backbone(image)).relu()
        return F.interpolate(maps, (32, 32), mode='bilinear', align_corners=False)

    small = F.interpolate(x, (16, 16), mode='bilinear', align_corners=False)
    with torch.no_grad():
        expected = (raw(x) + raw(x.flip(3)).flip(3) + raw(small) + raw(small.flip(3)).flip(3)) / 4
    cams = CAMGenerator('cam', scales=(1.0, 0.5), flip=True, classes='all', size_divisor=8)(model, x)
    assert torch.allclose(dense_raw_max(cams)[:, 0], expected.amax((2, 3)), atol=1e-5)
    assert torch.allclose(dense_maps(cams)[:, 0], scale_by_max(expected), atol=1e-5)


def test_per_scale_min_max_is_the_papers():
    model, x = build(pooled()), inputs()
    cams = CAMGenerator('cam', scales=(1.0, 2.0), per_scale_min_max=True, classes='all', size_divisor=8)(model, x)
    total = 0
    for scale in (1, 2):
        image = x if scale == 1 else F.interpolate(x, (64, 64), mode='bilinear', align_corners=False)
        with torch.no_grad():
            maps = model.head.class_maps(model.backbone(image)).relu()
        low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
        total = total + F.interpolate((maps - low) / (high - low + 1e-7), (32, 32), mode='bilinear')
    assert torch.allclose(dense_maps(cams)[:, 0], total / 2, atol=1e-5)


def test_pcm_maps_leave_the_extra_map_out():
    model, x = build(pcm()), inputs()
    with torch.no_grad():
        maps = model.head.class_maps(model.extract_feat(x))[:, :3].relu()
    expected = F.interpolate(maps, (32, 32), mode='bilinear', align_corners=False)
    cams = CAMGenerator('pcm', classes='all')(model, x)
    assert torch.allclose(dense_maps(cams)[:, 0], scale_by_max(expected), atol=1e-5)


def test_predicted_classes():
    model, x = build(vit()), inputs()
    cams = CAMGenerator(classes='predicted', size_divisor=8)(model, x)
    predicted = (model(x).sigmoid() > 0.5).nonzero()
    assert torch.equal(torch.stack([cams.image_index, cams.class_index], 1), predicted)


@pytest.mark.parametrize('method', ['gradcam', 'scorecam', 'rollout', 'acr'])
def test_a_batch_without_any_class_has_no_map(method):
    model, x = build(vit()), inputs()
    cams = CAMGenerator(method, scales=(1.0, 2.0), size_divisor=8)(model, x, torch.zeros_like(LABELS))
    assert cams.maps.shape == (0, 1, 32, 32) and cams.raw_max.shape == (0, 1)
    assert torch.allclose(cams.scores, model(x).sigmoid(), atol=1e-5)


@pytest.mark.parametrize('method', ['gradcam', 'acr', 'rollout'])
def test_inside_inference_mode(method):
    model, x = build(vit()), inputs()
    expected = CAMGenerator(method, size_divisor=8)(model, x, LABELS)
    with torch.inference_mode():
        cams = CAMGenerator(method, size_divisor=8)(model, x.clone(), LABELS.clone())
        assert torch.is_inference_mode_enabled()
    assert torch.equal(cams.maps, expected.maps)
    with torch.no_grad():
        assert torch.equal(CAMGenerator(method, size_divisor=8)(model, x, LABELS).maps, expected.maps)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        inside = build(vit())
        with pytest.raises(ValueError, match='Expected a model that was built outside torch.inference_mode'):
            CAMGenerator(method, size_divisor=8)(inside, x, LABELS)


def test_map_of_zeros_stays_zero():
    assert (scale_by_max(torch.zeros(1, 2, 3, 3)) == 0).all()
    assert (scale_min_max(torch.full((1, 1, 3, 3), 4.0)) == 0).all()


def test_errors():
    model, x = build(vit()), inputs()
    with pytest.raises(ValueError, match=r"Expected a method of \['gradcam', .*'transcam', .*\], but got 'x'"):
        TASK_UTILS.build({'type': 'mmwsss.CAMGenerator', 'method': 'x'})
    with pytest.raises(ValueError, match=r'Expected positive scales, but got \(0,\)'):
        CAMGenerator(scales=(0,))
    with pytest.raises(ValueError, match="Expected classes .* but got 'some'"):
        CAMGenerator(classes='some')
    with pytest.raises(ValueError, match='Expected at least one target layer'):
        CAMGenerator(target_layers=())
    with pytest.raises(ValueError, match=r'target layer in \[-3, -1\], but got -4'):
        CAMGenerator(target_layers=(-4,))(model, x, LABELS)
    with pytest.raises(ValueError, match="submodule as target layer, but got 'nope'"):
        CAMGenerator(target_layers=('nope',))(model, x, LABELS)
    with pytest.raises(ValueError, match='Expected a PooledHead .* but got ClassTokenHead'):
        CAMGenerator('cam')(model, x, LABELS)
    with pytest.raises(ValueError, match=r'Expected labels \(B, K\) = \(3, 3\)'):
        CAMGenerator()(model, x, LABELS[:2])
    with pytest.raises(ValueError, match='in eval mode'):
        CAMGenerator()(model.train(), x, LABELS)
    with pytest.raises(ValueError, match=r'got \(1, 2, 3, 3\) and \(1, 2, 3, 4\)'):
        grad_cam(torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 4))
