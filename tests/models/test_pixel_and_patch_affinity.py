"""Affinities that nobody trains, against plain loops."""

import numpy as np
import pytest
import torch

from mmwsss.models.affinity import PixelAdaptiveRefinement
from mmwsss.models.affinity.patch_affinity import patch_affinity, propagate, transition_matrix
from mmwsss.models.affinity.pixel_adaptive import pixel_adaptive_average, pixel_adaptive_weights


def slow_pixel_adaptive(img, maps, dilations, num_iters, scale=0.3, omega=0.01):
    """Pixel by pixel: img (3, H, W), maps (K, H, W), in float64."""
    _, height, width = img.shape
    steps = [(dy * d, dx * d) for d in dilations for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    distance = np.array([np.hypot(*step) for step in steps])
    position = np.exp(-((distance / (scale * (distance.std(ddof=1) + 1e-8))) ** 2))
    position /= position.sum()
    for _ in range(num_iters):
        new = np.zeros_like(maps)
        for y in range(height):
            for x in range(width):
                places = [(min(max(y + dy, 0), height - 1), min(max(x + dx, 0), width - 1)) for dy, dx in steps]
                colours = np.array([img[:, a, b] for a, b in places])
                unit = scale * (colours.std(0, ddof=1) + 1e-8)
                k = -(((img[:, y, x] - colours) / unit) ** 2).mean(1)
                weight = np.exp(k - k.max())
                weight = (weight / weight.sum() + omega * position) / (1 + omega)
                for share, (a, b) in zip(weight, places):
                    new[:, y, x] += share * maps[:, a, b]
        maps = new
    return maps


@pytest.mark.parametrize(('dilations', 'num_iters'), [((1, 2), 1), ((1, 4, 9), 2)])
def test_pixel_adaptive_refinement_equals_a_loop(dilations, num_iters):
    rng = np.random.default_rng(0)
    img, maps = rng.random((2, 3, 7, 6)) * 255, rng.random((2, 2, 7, 6))
    refined = PixelAdaptiveRefinement(num_iters, dilations)(torch.from_numpy(img), torch.from_numpy(maps))
    for number in range(2):
        expected = slow_pixel_adaptive(img[number], maps[number], dilations, num_iters)
        assert np.abs(refined[number].numpy() - expected).max() < 1e-5
        assert np.abs(expected - maps[number]).max() > 0.1  # it did something


def test_pixel_adaptive_weights_do_not_see_units_and_sum_to_one():
    img = torch.rand(1, 3, 9, 8)
    weights = pixel_adaptive_weights(img)
    assert weights.shape == (1, 48, 9, 8) and (weights > 0).all()
    assert torch.allclose(weights.sum(1), torch.ones(1, 9, 8), atol=1e-5)
    normalised = (img * 255 - torch.tensor([120.0, 110, 100]).view(3, 1, 1)) / torch.tensor([50.0, 60, 70]).view(
        3, 1, 1
    )
    assert torch.allclose(pixel_adaptive_weights(normalised), weights, atol=1e-4)
    constant = torch.full((1, 2, 9, 8), 0.7)
    assert torch.allclose(PixelAdaptiveRefinement()(img, constant), constant, atol=1e-5)
    flat = PixelAdaptiveRefinement()(torch.ones(1, 3, 9, 8), torch.rand(1, 1, 9, 8))  # no colour differs
    assert torch.isfinite(flat).all()


def test_pixel_adaptive_refinement_stops_at_edges_and_keeps_gradients():
    img = torch.zeros(1, 3, 20, 20)
    img[..., 10:] = 200
    maps = torch.zeros(1, 1, 20, 20)
    maps[..., 4:8] = 1.0
    maps.requires_grad_()
    refined = PixelAdaptiveRefinement(20, (1, 2, 4))(img, maps)
    left, right = refined[..., :10], refined[..., 10:]
    assert left.min() > 0.3 and left.max() < 0.6 and right.max() < 0.05  # spread over one side, not to the other
    refined[0, 0, 10, 5].backward()
    assert maps.grad.sum() == pytest.approx(1, abs=1e-4)  # the weights of a mean


def test_bad_arguments_of_pixel_adaptive_refinement():
    with pytest.raises(ValueError, match=r'Expected num_iters >= 1 and positive dilations, but got 0 and \(1,\)'):
        PixelAdaptiveRefinement(0, (1,))
    with pytest.raises(ValueError, match='Expected scale > 0 and position_weight >= 0, but got 0 and 0.01'):
        PixelAdaptiveRefinement(scale=0)
    weights = pixel_adaptive_weights(torch.rand(1, 3, 4, 4), (1,))
    with pytest.raises(ValueError, match=r'Expected weights \(1, 8, 5, 4\) for maps \(1, 1, 5, 4\), but got \(1, 8, 4'):
        pixel_adaptive_average(torch.rand(1, 1, 5, 4), weights, (1,), 1)


def slow_affinity(feature, threshold, exponent, center):
    vectors = feature.reshape(len(feature), -1).T.astype(float)
    if center:
        vectors = vectors - vectors.mean(0)
    number = len(vectors)
    result = np.zeros((number, number))
    for i in range(number):
        for j in range(number):
            cos = vectors[i] @ vectors[j] / np.sqrt((vectors[i] ** 2).sum() * (vectors[j] ** 2).sum())
            result[i, j] = max(cos - threshold, 0) ** exponent
    return result


@pytest.mark.parametrize('center', [False, True])
def test_patch_affinity_and_walk_equal_loops(center):
    rng = np.random.default_rng(0)
    feature, maps = rng.random((5, 3, 4)), rng.random((2, 3, 4))
    affinity = slow_affinity(feature, 0.1, 3, center)
    found = patch_affinity(torch.from_numpy(feature), 0.1, 3, center)
    assert np.abs(found.numpy() - affinity).max() < 1e-5
    rows = affinity / affinity.sum(1, keepdims=True)
    spread = maps.reshape(2, 12)
    for _ in range(4):
        new = np.zeros_like(spread)
        for k in range(2):
            for i in range(12):
                new[k, i] = 0.3 * maps.reshape(2, 12)[k, i] + 0.7 * sum(rows[i, j] * spread[k, j] for j in range(12))
        spread = new
    walked = propagate(torch.from_numpy(maps), transition_matrix(found), 0.7, 4)
    assert np.abs(walked.numpy() - spread.reshape(2, 3, 4)).max() < 1e-5


def test_transition_matrix():
    affinity = torch.rand(6, 6, generator=torch.Generator().manual_seed(0))
    affinity = affinity + affinity.T
    affinity[2] = affinity[:, 2] = 0  # a patch like none
    plain, balanced = transition_matrix(affinity), transition_matrix(affinity, 30)
    for matrix in (plain, balanced):
        assert torch.allclose(matrix.sum(1), torch.ones(6), atol=1e-5)
        assert matrix[2, 2] == 1
    assert (plain.sum(0) - 1).abs().max() > 0.05 and torch.allclose(balanced.sum(0), torch.ones(6), atol=1e-3)


def test_mass_stays_inside_clusters():
    """Features that are one-hot by cluster: nothing crosses, everything inside becomes the mean."""
    cluster = torch.tensor([[0, 0, 1], [0, 1, 1]])
    feature = torch.nn.functional.one_hot(cluster).permute(2, 0, 1).float()
    maps = torch.zeros(1, 2, 3)
    maps[0, 0, 0] = 0.9
    transition = transition_matrix(patch_affinity(feature, 0.2, 4, center=False))
    walked = propagate(maps, transition, 1.0, 3)
    assert torch.allclose(walked[0], torch.where(cluster == 0, 0.3, 0.0), atol=1e-6)
    assert torch.equal(propagate(maps, transition, 0.0, 3), maps)  # alpha 0 changes nothing
    with pytest.raises(ValueError, match=r'Expected a transition matrix of \(4, 4\), but got \(6, 6\)'):
        propagate(torch.rand(1, 2, 2), transition)
