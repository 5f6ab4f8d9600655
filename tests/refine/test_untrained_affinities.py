"""FeatureAffinityRefine and PARRefine: what they do to maps, and what they refuse."""

import cv2
import numpy as np
import pytest
import torch
from conftest import SMALL, student_config, toy_variables, write_toy

from mmwsss.apis import train
from mmwsss.apis.inference import init_classifier
from mmwsss.models.affinity import PixelAdaptiveRefinement
from mmwsss.models.affinity.patch_affinity import patch_affinity, propagate, transition_matrix
from mmwsss.refine import FeatureAffinityRefine, PARRefine

COLOURS = {'type': 'mmwsss.TimmFeatures', 'name': 'resnet18', 'out_indices': (2,)}


def scene(size=(64, 96)):
    """A bright square, and a map on a part of it and on a bit of the dark."""
    rng = np.random.default_rng(0)
    img = rng.integers(0, 30, (*size, 3)).astype(np.uint8)
    img[16:48, 32:64] = (40, 180, 230)
    cam = np.zeros((2, *size), np.float32)
    cam[0, 20:40, 40:60] = 0.8
    cam[1, 50:60, 80:90] = 0.5
    return {'img': img, 'cam': cam, 'classes': np.array([1, 4])}


def test_feature_affinity_by_its_parts():
    torch.manual_seed(0)
    step = FeatureAffinityRefine(COLOURS, max_side=96, alpha=0.8, num_steps=3)
    data = scene()
    refined = step({**data, 'cam': data['cam'].copy()})['cam']
    assert refined.shape == data['cam'].shape and refined.dtype == np.float32
    rgb = (data['img'][..., ::-1].astype(np.float64) - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]
    inputs = torch.from_numpy(rgb.transpose(2, 0, 1)[None]).float()
    with torch.no_grad():
        feature = step.features.network(inputs)[0][0]
    small = np.stack([cv2.resize(cam, (12, 8), interpolation=cv2.INTER_AREA) for cam in data['cam']])
    walked = propagate(torch.from_numpy(small), transition_matrix(patch_affinity(feature)), 0.8, 3).numpy()
    expected = np.stack([cv2.resize(cam, (96, 64)) for cam in walked])
    assert np.allclose(refined, expected, atol=1e-5) and not np.allclose(refined, data['cam'], atol=0.1)


def test_feature_affinity_fills_what_looks_alike():
    weights = {'type': 'Pretrained', 'checkpoint': 'package://efficientnet-lite0'}
    step = FeatureAffinityRefine(
        {'type': 'mmwsss.TimmFeatures', 'name': 'tf_efficientnet_lite0', 'out_indices': (2,), 'init_cfg': weights},
        max_side=96,
    )
    data = scene()
    square = np.zeros((64, 96), bool)
    square[16:48, 32:64] = True
    refined = step(dict(data))['cam'][0]
    filled = refined[square & (data['cam'][0] == 0)]
    assert filled.mean() > 0.15 > 10 * refined[~square].mean()
    assert not any(parameter.requires_grad for parameter in step.features.network.parameters())


def test_other_sizes_and_no_class():
    step = FeatureAffinityRefine(COLOURS, max_side=64, size_divisor=8)
    shapes = {size: tuple(step.features(np.zeros((*size, 3), np.uint8)).shape) for size in ((30, 50), (500, 40))}
    assert shapes == {(30, 50): (128, 5, 8), (500, 40): (128, 8, 1)}  # 40 x 64 and 64 x 8 pixels, stride 8
    nothing = np.zeros((0, 64, 96), np.float32)
    for refiner in (step, PARRefine()):
        assert refiner({**scene(), 'cam': nothing, 'classes': np.zeros(0, int)})['cam'] is nothing
        with pytest.raises(ValueError, match=r'one size, but got \(64, 96\) and \(3, 3\)'):
            refiner({**scene(), 'cam': np.zeros((1, 3, 3), np.float32)})


def test_features_of_a_trained_classifier(tmp_path):
    data = toy_variables(write_toy(tmp_path / 'toy'))
    train(student_config({**SMALL, 'embed_dims': 32, 'num_layers': 1}, data), tmp_path / 'student', quiet=True)
    checkpoint = tmp_path / 'student' / 'epoch_1.pth'
    step = FeatureAffinityRefine(checkpoint=checkpoint, max_side=32, size_divisor=8)
    img = scene((32, 32))['img']
    model = init_classifier(checkpoint)
    inputs = model.data_preprocessor({'inputs': [torch.from_numpy(img.transpose(2, 0, 1).copy())]})['inputs']
    with torch.no_grad():
        expected = model.extract_feat(inputs)[-1][0][0]  # the patch map, without the class token
    assert torch.allclose(step.features(img), expected, atol=1e-5) and expected.std() > 0.1


def test_par_is_the_module_on_the_picture():
    data = scene()
    images = torch.from_numpy(data['img'].transpose(2, 0, 1).astype(np.float32))[None]
    expected = PixelAdaptiveRefinement(3, (1, 5))(images, torch.from_numpy(data['cam'])[None])[0].numpy()
    assert np.allclose(PARRefine(3, (1, 5))(scene())['cam'], expected, atol=1e-6)
    small = PARRefine(max_side=48)(scene())['cam']
    full = PARRefine(max_side=None)(scene())['cam']
    assert small.shape == full.shape and small.dtype == np.float32 and not np.allclose(small, full, atol=1e-3)
    square = np.zeros((64, 96), bool)
    square[16:48, 32:64] = True
    for refined in (small, full):
        assert refined[0][square].mean() > 5 * refined[0][~square].mean()


def test_bad_arguments():
    with pytest.raises(ValueError, match='Expected a backbone or a checkpoint for FeatureAffinityRefine, but got None'):
        FeatureAffinityRefine()
    with pytest.raises(ValueError, match=r'Expected threshold in \[-1, 1\) and exponent > 0, but got 1 and 4'):
        FeatureAffinityRefine(COLOURS, threshold=1)
    with pytest.raises(ValueError, match=r'Expected alpha in \[0, 1\], num_steps >= 1 .* but got 2, 10'):
        FeatureAffinityRefine(COLOURS, alpha=2, num_steps=10)
    with pytest.raises(ValueError, match='Expected 1 <= size_divisor <= max_side, but got 16 and 8'):
        FeatureAffinityRefine(COLOURS, max_side=8)
    with pytest.raises(FileNotFoundError, match=r'Expected a checkpoint in no\.pth'):
        FeatureAffinityRefine(checkpoint='no.pth')
    with pytest.raises(ValueError, match='Expected max_side >= 1 or None, but got 0'):
        PARRefine(max_side=0)
