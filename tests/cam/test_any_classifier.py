"""Maps of classifiers that are not ours: against loops written by hand, pytorch-grad-cam and torch-cam."""

import json

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from conftest import toy_variables, write_toy
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmwsss.apis import make_pseudo
from mmwsss.apis.inference import init_classifier
from mmwsss.cam import AnyClassifier, CAMGenerator
from mmwsss.config import load_config
from mmwsss.models.backbones.patch_size import patch_size_of
from mmwsss.structures import CamFile

SIZE = (96, 64)  # rows and columns differ


def of_mmpretrain(backbone, channels, head='LinearClsHead', neck='GlobalAveragePooling'):
    init_default_scope('mmpretrain')
    config = {
        'type': 'ImageClassifier',
        'backbone': backbone,
        'neck': neck and {'type': neck},
        'head': {'type': head, 'num_classes': 4, 'in_channels': channels},
    }
    return MODELS.build(config)


VIT = {
    'arch': {'embed_dims': 24, 'num_layers': 2, 'num_heads': 2, 'feedforward_channels': 48},
    'patch_size': 16,
    'img_size': SIZE,
}
SMALL_VIT = {'embed_dim': 24, 'depth': 2, 'num_heads': 2, 'num_classes': 4}
NETWORKS = {
    # name: network, the layer by name, tokens before the patches (None: channels first, 'last': channels last), grid
    'mmpretrain ResNet': (lambda: of_mmpretrain({'type': 'ResNet', 'depth': 18}, 512), 'backbone.layer4', None, (3, 2)),
    'mmpretrain ViT': (
        lambda: of_mmpretrain({'type': 'VisionTransformer', **VIT}, 24, 'VisionTransformerClsHead', None),
        'backbone.layers.1.ln1',
        1,
        (6, 4),
    ),
    'mmpretrain Swin': (
        lambda: of_mmpretrain(
            {
                'type': 'SwinTransformer',
                'arch': {'embed_dims': 24, 'depths': [1, 1, 1, 1], 'num_heads': [1, 1, 2, 2]},
                'img_size': SIZE,
                'pad_small_map': True,
            },
            192,
        ),
        'backbone.stages.3.blocks.0.norm1',
        0,
        (3, 2),
    ),
    'timm ResNet': (lambda: timm.create_model('resnet18', num_classes=4), 'layer4', None, (3, 2)),
    'timm EfficientNet': (
        lambda: timm.create_model('tf_efficientnet_lite0', num_classes=4), 'bn2', None, (3, 2),
    ),
    'timm ViT': (
        lambda: timm.create_model('vit_tiny_patch16_224', img_size=SIZE, **SMALL_VIT), 'blocks.1.norm1', 1, (6, 4),
    ),
    'timm ViT with registers': (
        lambda: timm.create_model('vit_small_patch14_reg4_dinov2', dynamic_img_size=True, patch_size=16, **SMALL_VIT),
        'blocks.1.norm1',
        5,
        (6, 4),
    ),
    'timm ViT without class token': (
        lambda: timm.create_model('vit_base_patch16_siglip_gap_224', dynamic_img_size=True, **SMALL_VIT),
        'blocks.1.norm1',
        0,
        (6, 4),
    ),
    'timm Swin': (
        lambda: timm.create_model(
            'swin_tiny_patch4_window7_224', img_size=SIZE, embed_dim=24, depths=(1, 1, 1, 1), num_classes=4
        ),
        'layers.3.blocks.0.norm1',
        'last',
        (3, 2),
    ),
    'torchvision ResNet': (lambda: torchvision.models.resnet18(num_classes=4), 'layer4', None, (3, 2)),
    'torchvision Swin': (
        lambda: torchvision.models.swin_transformer.SwinTransformer(
            [4, 4], 24, [1, 1, 1, 1], [1, 1, 2, 2], [7, 7], num_classes=4
        ),
        'features.7.0.norm1',
        'last',
        (3, 2),
    ),
}  # fmt: skip


def build(name):
    torch.manual_seed(0)
    return NETWORKS[name][0]().eval()


def images(number=2):
    return torch.randn(number, 3, *SIZE, generator=torch.Generator().manual_seed(1))


LABELS = torch.tensor([[True, False, True, False], [False, True, False, False]])


def plain_grad_cam(model, layer, layout, grid, image, label):
    """One image, one class, nothing shared with the package: (H, W), the largest value is one."""
    kept = {}
    module = model.get_submodule(layer)
    handle = module.register_forward_hook(lambda m, i, o: kept.setdefault('output', o.retain_grad() or o))
    model(image[None]).flatten()[label].backward()
    handle.remove()

    def to_map(value):
        if layout is None:
            return value[0]
        if layout == 'last':
            return value[0].permute(2, 0, 1)
        return value[0, layout:].T.reshape(-1, *grid)

    activation, gradient = to_map(kept['output'].detach()), to_map(kept['output'].grad)
    assert activation.shape[1:] == grid
    cam = torch.zeros(grid)
    for channel in range(len(activation)):
        cam += gradient[channel].mean() * activation[channel]
    cam = F.interpolate(cam.clamp(min=0)[None, None], image.shape[1:], mode='bilinear', align_corners=False)[0, 0]
    return cam / cam.max().clamp(min=1e-12)


@pytest.mark.parametrize('name', NETWORKS)
def test_maps_equal_a_loop_by_hand(name):
    _, layer, layout, grid = NETWORKS[name]
    model, inputs = build(name), images()
    cams = CAMGenerator()(model, inputs, LABELS)
    assert cams.maps.shape == (3, 1, *SIZE) and cams.scores.shape == (2, 4)
    with torch.no_grad():
        assert torch.allclose(cams.scores, model(inputs).sigmoid(), atol=1e-5)
    there = 0
    for (image, label), cam in zip(LABELS.nonzero().tolist(), cams.maps[:, 0]):
        expected = plain_grad_cam(model, layer, layout, grid, inputs[image], label)
        assert torch.allclose(cam, expected, atol=1e-3)
        there += float(expected.max()) > 0
    assert there >= 2  # not all of them empty
    by_name = CAMGenerator(target_layers=(layer,))(model, inputs, LABELS)
    assert torch.allclose(by_name.maps, cams.maps, atol=1e-5)


def test_torchvisions_vision_transformer_takes_its_own_size_alone():
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(64, 16, 2, 2, 24, 48, num_classes=4).eval()
    torch.nn.init.normal_(model.heads.head.weight)  # torchvision's is 0: no gradient, no map
    inputs = images()[..., :64, :64]
    cams = CAMGenerator()(model, inputs, LABELS)
    for (image, label), cam in zip(LABELS.nonzero().tolist(), cams.maps[:, 0]):
        expected = plain_grad_cam(model, 'encoder.layers.encoder_layer_1.ln_1', 1, (4, 4), inputs[image], label)
        assert torch.allclose(cam, expected, atol=1e-3)
    assert cams.maps.amax((1, 2, 3)).max() > 0


@pytest.mark.parametrize(
    ('name', 'method'), [('timm ResNet', 'layercam'), ('timm Swin', 'gradcampp'), ('timm Swin', 'scorecam')]
)
def test_other_methods_scales_and_flips(name, method):
    """Averaged over flips, the maps of the mirrored image are the mirrored maps."""
    scales = (1.0,) if 'Swin' in name else (1.0, 2.0)
    inputs = images(1)
    cams = CAMGenerator(method, scales=scales, flip=True, size_divisor=32)(build(name), inputs, LABELS[:1])
    mirrored = CAMGenerator(method, scales=scales, flip=True, size_divisor=32)(build(name), inputs.flip(3), LABELS[:1])
    assert cams.maps.shape == (2, 1, *SIZE) and float(cams.maps.std()) > 0.05
    assert torch.allclose(mirrored.maps.flip(3), cams.maps, atol=1e-3)


@pytest.mark.parametrize(
    ('name', 'patch'), [('timm ResNet', 16), ('timm ViT', 16), ('mmpretrain ViT', 16), ('timm Swin', 16)]
)
def test_pictures_of_any_size_are_seen_as_they_are(name, patch):
    """At scale 1 nothing is resized; at others sides are multiples of a patch."""
    model = build(name)
    assert patch_size_of(AnyClassifier(model)) == patch
    seen = []
    model.register_forward_pre_hook(lambda module, args: seen.append(tuple(args[0].shape[2:])))
    if name == 'timm ResNet':
        CAMGenerator(scales=(1.0, 2.0))(model, torch.randn(1, 3, 75, 61), LABELS[:1])
        assert set(seen) == {(75, 61), (144, 128)}
        seen.clear()
    CAMGenerator()(model, images(1), LABELS[:1])
    assert set(seen) == {SIZE}


def test_patches_of_14_pixels():
    torch.manual_seed(0)
    model = timm.create_model('vit_small_patch14_dinov2', dynamic_img_size=True, **SMALL_VIT).eval()
    seen = []
    model.register_forward_pre_hook(lambda module, args: seen.append(tuple(args[0].shape[2:])))
    maps = CAMGenerator(scales=(1.0, 1.5))(model, torch.randn(1, 3, 84, 56), LABELS[:1]).maps
    assert set(seen) == {(84, 56), (126, 84)} and maps.shape == (2, 1, 84, 56)


def test_finer_grids_of_a_cnn_by_number():
    model, inputs = build('timm ResNet'), images()
    by_number = CAMGenerator(target_layers=(-2, -1))(model, inputs, LABELS)
    by_name = CAMGenerator(target_layers=('layer3', 'layer4'))(model, inputs, LABELS)
    assert torch.allclose(by_number.maps, by_name.maps, atol=1e-6)
    with pytest.raises(ValueError, match=r'Expected a target layer in \[-\d, -1\] of ResNet, but got -9'):
        CAMGenerator(target_layers=(-9,))(model, inputs, LABELS)
    with pytest.raises(ValueError, match=r"name of a submodule as target layer, but got 'layer9'"):
        CAMGenerator(target_layers=('layer9',))(model, inputs, LABELS)


def normalised(cam):
    cam = cam - cam.amin((-2, -1), keepdim=True)
    return cam / cam.amax((-2, -1), keepdim=True)


@pytest.mark.parametrize('name', NETWORKS)
def test_agrees_with_pytorch_grad_cam(name):
    peer = pytest.importorskip('pytorch_grad_cam')
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    _, layer, layout, grid = NETWORKS[name]
    reshape = {None: None, 'last': lambda value: value.permute(0, 3, 1, 2)}.get(
        layout, lambda value: value[:, layout:].transpose(1, 2).reshape(len(value), -1, *grid)
    )
    model, inputs = build(name), images()
    cams = CAMGenerator(classes='all')(model, inputs).maps[:, 0]
    theirs = [
        torch.from_numpy(
            peer.GradCAM(model, [model.get_submodule(layer)], reshape)(inputs[image : image + 1], [
                ClassifierOutputTarget(label)
            ])[0]
        )
        for image in range(2)
        for label in range(4)
    ]  # fmt: skip
    for ours, other in zip(cams, theirs):
        if other.max() > 0:
            assert torch.allclose(normalised(ours), normalised(other), atol=2e-3)
    assert sum(float(other.max()) > 0 for other in theirs) >= 4


class SeenAsMap(nn.Module):
    """Passes tokens on, and shows them as a map (B, C, h, w) on the way: torch-cam cannot be told how to."""

    def __init__(self, layout, grid):
        super().__init__()
        self.layout, self.grid, self.map = layout, grid, nn.Identity()

    def forward(self, x):
        if self.layout == 'last':
            return self.map(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        seen = self.map(x[:, self.layout :].transpose(1, 2).reshape(len(x), -1, *self.grid))
        return torch.cat([x[:, : self.layout], seen.flatten(2).transpose(1, 2)], 1)


def shown_as_map(model, layer, layout, grid):
    """The name of a layer that gives a map; the model is changed."""
    parent, _, name = layer.rpartition('.')
    if layout is None:
        return layer
    holder = model.get_submodule(parent)
    setattr(holder, name, nn.Sequential(getattr(holder, name), SeenAsMap(layout, grid)))
    return f'{layer}.1.map'


@pytest.mark.parametrize('name', NETWORKS)
@pytest.mark.parametrize('method', ['gradcam', 'layercam'])  # its Grad-CAM++ has other weights than the paper
def test_agrees_with_torch_cam(method, name):
    peer = pytest.importorskip('torchcam.methods')
    model, inputs = build(name), images(1)
    cams = CAMGenerator(method, classes='all')(model, inputs).maps[:, 0]
    kind = {'gradcam': peer.GradCAM, 'layercam': peer.LayerCAM}[method]
    layer, compared = shown_as_map(model, *NETWORKS[name][1:]), 0
    for label in range(4):
        with kind(model, layer) as extractor:
            (theirs,) = extractor(label, model(inputs))
        if torch.isfinite(theirs).all() and theirs.max() > 0:
            large = F.interpolate(theirs[None], SIZE, mode='bilinear', align_corners=False)[0, 0]
            assert torch.allclose(normalised(cams[label]), normalised(large), atol=0.02)
            compared += 1
    assert compared


@pytest.mark.parametrize('name', ['levit_128s', 'tnt_s_patch16_224', 'mixer_s32_224'])
def test_tokens_of_other_blocks_have_no_layers_by_number(name):
    """Rather than the last map before them, which is that of the first layer, or an attention taken for a picture."""
    model = AnyClassifier(timm.create_model(name).eval())
    model.look_at(torch.zeros(1, 3, 224, 224))
    with pytest.raises(ValueError, match='Expected a name as target layer of .*, but got -1'):
        model.target_layers([-1])


def test_what_is_refused():
    inputs = images()
    with pytest.raises(ValueError, match='in eval mode'):
        CAMGenerator()(build('timm ResNet').train(), inputs, LABELS)
    with pytest.raises(
        ValueError, match=r"of \['gradcam', .*\] for a ResNet, which is no MapClassifier, but got 'pcm'"
    ):
        CAMGenerator('pcm')(build('timm ResNet'), inputs, LABELS)
    with pytest.raises(ValueError, match=r'Expected labels \(B, K\) = \(2, 4\)'):
        CAMGenerator()(build('timm ResNet'), inputs, LABELS[:, :3])
    with pytest.raises(ValueError, match=r'Expected logits \(B, K\) of Conv2d, but got \(2, 4, 96, 64\)'):
        AnyClassifier(nn.Conv2d(3, 4, 1))(inputs)
    with pytest.raises(TypeError, match=r'Expected a torch\.nn\.Module, but got str'):
        AnyClassifier('resnet18')
    with pytest.raises(ValueError, match=r'with the grid of an image of \(96, 64\) .*, 3 tokens before it, but got'):
        CAMGenerator()(AnyClassifier(build('timm ViT'), prefix_tokens=3).eval(), inputs, LABELS)
    with pytest.raises(ValueError, match='Expected a name as target layer of Sequential, but got -1'):
        CAMGenerator()(nn.Sequential(nn.Flatten(), nn.Linear(3 * 96 * 64, 4)).eval(), inputs, LABELS)


PREPROCESSOR = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375], 'to_rgb': True}


@pytest.mark.parametrize(
    'network',
    [
        {
            'type': 'ImageClassifier',
            'backbone': {'type': 'ResNet', 'depth': 18},
            'neck': {'type': 'GlobalAveragePooling'},
            'head': {'type': 'MultiLabelLinearClsHead', 'num_classes': 3, 'in_channels': 512},
        },
        {'type': 'TimmClassifier', 'model_name': 'resnet18', 'num_classes': 3},
    ],
    ids=['ImageClassifier', 'TimmClassifier'],
)
def test_a_classifier_of_mmpretrain_makes_pseudo_masks(network, tmp_path):
    """Its own checkpoint, with its own config inside; classes chosen by name."""
    settings = {**network, 'data_preprocessor': PREPROCESSOR}
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    model = MODELS.build(settings)
    meta = {
        'cfg': f'default_scope = "mmpretrain"\nmodel = {settings!r}',
        'dataset_meta': {'classes': ['dog', 'smoke', 'cat']},
    }
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, tmp_path / 'resnet.pth')
    data = toy_variables(write_toy(tmp_path / 'toy'))
    options = {'img_size': 64, 'scales': [1.0], 'size_divisor': 32, 'class_map': {'smoke': 'smoke'}, 'save_cam': True}
    cfg = load_config('configs/pseudo/gradcam_ms.py', options, data=data)
    make_pseudo(cfg, tmp_path / 'resnet.pth', tmp_path / 'out')
    rows = [json.loads(line) for line in (tmp_path / 'out' / 'manifest.jsonl').read_text().splitlines()]
    assert [row['status'] for row in rows] == ['ok'] * 12 and sum(row['labels'] == ['smoke'] for row in rows) == 8
    shown = next(row for row in rows if row['labels'])
    kept = CamFile.load((tmp_path / 'out' / 'cams' / shown['mask_path'].removeprefix('masks/')).with_suffix('.npz'))
    assert kept.cam.shape == (1, 48, 40) and kept.cam.max() > 0
    classifier = init_classifier(tmp_path / 'resnet.pth', classes=['smoke'], class_map={'smoke': 'smoke'})
    model.eval()
    with torch.no_grad():
        inputs = torch.randn(1, 3, 64, 64)
        assert torch.equal(classifier(inputs), model(inputs)[:, 1:2])
