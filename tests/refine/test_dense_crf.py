"""The CRF on PyTorch's tensors: pydensecrf's labels, and a filter that is a Gaussian."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmwsss.refine import CRFRefine
from mmwsss.refine.crf_refine import PRESETS, cam_to_probabilities
from mmwsss.refine.dense_crf import PermutohedralLattice


def maps(rng, number, size):
    height, width = size
    coarse = [cv2.resize(rng.random((8, 8)).astype(np.float32), (width, height)) for _ in range(number)]
    return np.stack(coarse).clip(0, 1)


def compare(img, number, preset, seed=0):
    pydensecrf, torch_crf = CRFRefine(preset, backend='pydensecrf'), CRFRefine(preset, backend='torch')
    probabilities = cam_to_probabilities(
        maps(np.random.default_rng(seed), number, img.shape[:2]), pydensecrf.bg_exponent
    )
    expected, found = (crf.posterior(img, probabilities) for crf in (pydensecrf, torch_crf))
    assert found.shape == expected.shape and found.dtype == np.float32
    assert np.allclose(found.sum(0), 1, atol=1e-4)
    return (expected.argmax(0) == found.argmax(0)).mean(), np.abs(expected - found).max()


@pytest.mark.parametrize('preset', list(PRESETS))
@pytest.mark.parametrize('number', [1, 20])
def test_labels_of_pydensecrf_on_noise(preset, number):
    pytest.importorskip('pydensecrf')
    img = np.random.default_rng(1).integers(0, 255, (60, 47, 3), dtype=np.uint8)
    alike, difference = compare(img, number, preset)
    assert alike >= 0.99 and difference < 0.02


@pytest.mark.parametrize('number', [1, 20])
def test_labels_of_pydensecrf_on_photographs(smoke5k, number):
    pytest.importorskip('pydensecrf')
    for path in sorted((smoke5k / 'img_dir/test').iterdir())[:3]:
        with Image.open(path) as image:
            img = np.array(image.convert('RGB'))
        for preset in PRESETS:
            alike, difference = compare(img, number, preset)
            assert alike >= 0.99 and difference < 0.02, (path, preset)


@pytest.mark.parametrize('dims', [1, 2, 3, 5])
def test_filter_is_a_gaussian(dims):
    """Against the exact sum over all pairs; the lattice's kernel is a Gaussian within a few percent of its peak."""
    rng = np.random.default_rng(dims)
    points = torch.tensor(rng.normal(0, 1.5, (400, dims)), dtype=torch.float32)
    values = torch.tensor(rng.random((400, 3)), dtype=torch.float32)
    exact = torch.exp(-0.5 * torch.cdist(points, points) ** 2)
    lattice = PermutohedralLattice(points)
    ones = torch.ones(400, 1)
    found = lattice.filter(values) / lattice.filter(ones)
    expected = exact @ values / (exact @ ones)
    assert torch.corrcoef(torch.stack([found.flatten(), expected.flatten()]))[0, 1] > 0.95
    again = PermutohedralLattice(points).filter(values)
    assert torch.equal(again, lattice.filter(values))


def test_too_far_apart():
    with pytest.raises(ValueError, match='within fewer standard deviations'):
        PermutohedralLattice(torch.tensor([[0.0] * 5, [1e5] * 5]))


def test_backend():
    with pytest.raises(ValueError, match="Expected backend 'auto', 'pydensecrf' or 'torch', but got 'gpu'"):
        CRFRefine(backend='gpu')
    assert CRFRefine(backend='torch').backend == 'torch'
