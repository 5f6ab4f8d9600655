"""Backbone families with the kinds of map that they have, through every refiner and a chain of two."""

import functools
import json

import numpy as np
import pytest
import timm
import torch
import torchvision
from mmengine.registry import MODELS, DefaultScope, init_default_scope
from pycocotools import mask as coder

from mmwsss.cam import CAMGenerator
from mmwsss.config import load_config
from mmwsss.models.classifiers import CLIPClassifier
from mmwsss.refine import AffinityRefine, CRFRefine, FeatureAffinityRefine, LayerFusion, PARRefine, SAMRefine

KEPT = 'mmwsss.KeptFeatures'
TINY = {'embed_dim': 24, 'depth': 2, 'num_heads': 2}
CNN = {'type': 'mmwsss.TimmFeatures', 'name': 'resnet18', 'out_indices': (3, 4), 'output_stride': 8}
VIT = {'type': 'mmwsss.TimmTokens', 'name': 'vit_small_patch14_reg4_dinov2', 'patch_size': 16, **TINY}
ROPE = {'type': 'mmwsss.TimmTokens', 'name': 'vit_small_patch16_dinov3', **TINY}
WITHOUT_TOKENS = {'type': 'mmwsss.TimmTokens', 'name': 'vit_base_patch16_siglip_gap_224', **TINY}
EVA = {'type': 'mmwsss.TimmTokens', 'name': 'eva02_tiny_patch14_224', 'patch_size': 16, **TINY}
DINOV2 = {'type': 'mmwsss.TimmTokens', 'name': 'vit_small_patch14_dinov2', 'patch_size': 16, **TINY}
OF_CLIP = {'type': 'mmwsss.TimmTokens', 'name': 'vit_base_patch16_clip_quickgelu_224', **TINY}
DEIT = {'type': 'mmwsss.TimmTokens', 'name': 'deit3_small_patch16_224', **TINY}
OURS = {
    'type': 'mmwsss.TokenMapVisionTransformer',
    'arch': {'embed_dims': 24, 'num_layers': 2, 'num_heads': 2, 'feedforward_channels': 48},
    'img_size': 64,
}
MIXED = {'type': 'mmwsss.MapConformer', 'arch': {'embed_dims': 24, 'depths': 3, 'num_heads': 2, 'channel_ratio': 1},
         'base_channels': 16}  # fmt: skip
OF_MMPRETRAIN = {
    'type': 'mmpretrain.ImageClassifier',
    'backbone': {'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8},
    'neck': {'type': 'GlobalAveragePooling'},
    'head': {'type': 'LinearClsHead', 'num_classes': 3, 'in_channels': 64},
}
SWIN = {'img_size': 64, 'embed_dim': 24, 'depths': (1, 1, 1, 1), 'num_heads': (1, 1, 2, 2), 'window_size': 2}
PCM = {'type': 'mmwsss.PCMHead', 'map_channels': 'classes', 'hidden_channels': 16, 'feature_channels': 8}
TOKEN, PATCHES = ({'type': f'mmwsss.{name}', 'in_channels': 24} for name in ('ClassTokenHead', 'PooledHead'))
MODELS_AND_MAPS = {
    'CNN': (CNN, {'type': 'mmwsss.PooledHead', 'in_channels': 512}, ('cam', 'gradcam', 'gradcampp', 'layercam')),
    'CNN with PCM': (CNN, {**PCM, 'in_channels': (256, 512), 'correlation_channels': 16}, ('pcm', 'gradcam')),
    'kept CNN': ({'type': KEPT, 'backbone': CNN}, {'type': 'mmwsss.PooledHead', 'in_channels': 512}, ('cam',)),
    'kept ViT': ({'type': KEPT, 'backbone': VIT}, PATCHES, ('cam',)),
    **{
        name: (backbone, TOKEN, ('gradcam', 'rollout', 'acr', 'acr_unrefined'))
        for name, backbone in {'ViT with registers': VIT, 'ViT with rotary positions': ROPE, 'our ViT': OURS}.items()
    },
    'SigLIP': (WITHOUT_TOKENS, PATCHES, ('cam', 'gradcam')),
    **{
        name: (backbone, TOKEN, ('gradcam', 'rollout', 'acr'))
        for name, backbone in {'EVA-02': EVA, 'DeiT-III': DEIT, 'DINOv2': DINOV2, 'CLIP as a backbone': OF_CLIP}.items()
    },
    **{
        f'patches of {name}': (backbone, PATCHES, ('cam', 'gradcampp', 'layercam'))
        for name, backbone in {'DINOv3': ROPE, 'EVA-02': EVA, 'DeiT-III': DEIT, 'DINOv2': DINOV2}.items()
    },
    'TransCAM': (MIXED, {'type': 'mmwsss.TransCAMHead', 'in_channels': (64, 24)}, ('transcam',)),
    'timm itself, CNN': (('timm', 'resnet18', {}), None, ('gradcam', 'layercam')),
    'timm itself, ViT': (('timm', 'vit_tiny_patch16_224', {'dynamic_img_size': True, **TINY}), None, ('gradcam',)),
    'timm itself, Swin': (('timm', 'swin_tiny_patch4_window7_224', SWIN), None, ('gradcam', 'layercam')),
    'MMPretrain itself': (('mmpretrain', OF_MMPRETRAIN), None, ('gradcam', 'gradcampp')),
    'torchvision itself': (('torchvision', 'squeezenet1_1'), None, ('gradcam', 'scorecam')),
    'CLIP': (('clip',), None, ('clip', 'clip_unrefined')),
}  # fmt: skip
PAIRS = [(name, method) for name, (_, _, methods) in MODELS_AND_MAPS.items() for method in methods]
IMG = np.random.default_rng(0).integers(0, 255, (48, 80, 3)).astype(np.uint8)
IMG[10:30, 20:50] //= 4


@pytest.fixture(scope='module', autouse=True)
def scope():
    init_default_scope('mmpretrain')


def of_others(clip, package, *arguments):
    """A classifier that is not ours, with random weights."""
    if package == 'timm':
        return timm.create_model(arguments[0], num_classes=3, **arguments[1])
    if package == 'torchvision':
        return torchvision.models.get_model(arguments[0], num_classes=3)
    if package == 'mmpretrain':
        return MODELS.build(arguments[0])
    return CLIPClassifier(clip, ['smoke', 'boat', 'cat'], 'toy-text', background=['sky'], attention_blocks=2)


@functools.cache
def classifier(name, folder, clip):
    backbone, head, _ = MODELS_AND_MAPS[name]
    torch.manual_seed(0)
    if head is None:
        return of_others(clip, *backbone).eval()
    if backbone['type'] == KEPT:
        backbone = {**backbone, 'folder': str(folder)}
    config = {
        'type': 'mmwsss.MapClassifier',
        'with_image': head['type'] == 'mmwsss.PCMHead',
        'backbone': backbone,
        'head': {**head, 'num_classes': 3},
    }
    model = MODELS.build(config)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


@functools.cache
def refiners(folder):
    """By name; features of another backbone than that of the maps."""
    codes = [np.zeros((48, 80), np.uint8) for _ in range(2)]
    codes[0][8:32, 16:52] = codes[1][:, :40] = 1
    made = [coder.encode(np.asfortranarray(code)) for code in codes]
    masks = [{'size': code['size'], 'counts': code['counts'].decode()} for code in made]
    (folder / 'x.json').write_text(json.dumps(masks))
    cfg = load_config('configs/affinity/affinity_lite0.py', {'pretrained': False, 'img_size': 64})
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        state = {'state_dict': MODELS.build(cfg.model).state_dict(), 'meta': {'cfg': cfg.pretty_text}}
    torch.save(state, folder / 'affinity.pth')
    steps = [FeatureAffinityRefine(CNN, max_side=64), PARRefine(3, max_side=40)]
    learned, crf = AffinityRefine(folder / 'affinity.pth', beta=2), CRFRefine(backend='torch', num_iters=1)
    return {
        'PAR': steps[1],
        'features of a CNN': steps[0],
        'features of a CNN, then PAR': lambda results: steps[1](steps[0](results)),
        'features of a CNN, then CRF': lambda results: crf(steps[0](results)),
        'affinities that learn, then PAR': lambda results: steps[1](learned(results)),
        'affinities that learn': learned,
        'features of a ViT': FeatureAffinityRefine(VIT, max_side=64),
        'CRF': crf,
        'made masks': SAMRefine(masks=folder, min_iou=0.05),
    }


TILED = [
    ('CNN', 'cam'), ('kept CNN', 'cam'), ('SigLIP', 'cam'), ('CNN with PCM', 'pcm'), ('our ViT', 'gradcam'),
    ('ViT with rotary positions', 'rollout'), ('DeiT-III', 'acr'), ('timm itself, CNN', 'gradcam'),
    ('torchvision itself', 'gradcam'), ('MMPretrain itself', 'gradcam'), ('CLIP', 'clip'),
]  # fmt: skip
CASES = [(*pair, None) for pair in PAIRS] + [(*pair, {'size': 32, 'overlap': 0.25}) for pair in TILED]


@pytest.mark.parametrize(
    ('name', 'method', 'tiles'),
    CASES,
    ids=[f'{name}-{method}{"-tiles" if tiles else ""}' for name, method, tiles in CASES],
)
def test_maps_go_through_every_refiner(name, method, tiles, toy_clip, tmp_path_factory):
    """Classes keep their places, values their range, and nothing depends on which class stands first."""
    folder = tmp_path_factory.getbasetemp()
    images = torch.from_numpy((IMG[..., ::-1].astype(np.float32) / 128 - 1).transpose(2, 0, 1).copy())[None]
    images = torch.nn.functional.interpolate(images, (64, 64))
    model = classifier(name, folder, toy_clip)
    options = {'per_scale_min_max': False, 'tiles': tiles} if tiles else {}
    cams = CAMGenerator(method, size_divisor=16, **options)(model, images, torch.tensor([[True, False, True]]))
    assert cams.class_index.tolist() == [0, 2] and torch.isfinite(cams.maps).all()
    layer_cams = cams.maps.transpose(0, 1).numpy()
    fused = LayerFusion()({'layer_cams': layer_cams, 'img': IMG})['cam']
    for label, step in refiners(folder).items():
        both, swapped = (
            step({'img': IMG, 'cam': cam.copy(), 'classes': np.array(classes), 'img_path': 'x.jpg'})['cam']
            for cam, classes in ((fused, [0, 2]), (fused[::-1], [2, 0]))
        )
        assert both.shape == (2, 48, 80) and np.isfinite(both).all(), label
        assert both.min() >= 0 and both.max() <= 1 + 1e-5, label
        assert np.allclose(both, swapped[::-1], atol=1e-4), label
        if fused.max() > 0:
            assert not np.allclose(both, fused, atol=1e-3), label
