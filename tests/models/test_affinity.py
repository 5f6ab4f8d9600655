"""AffinityNet's pairs and random walk against slow plain versions."""

import tracemalloc

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.models.affinity.functional import affinity_loss, affinity_matrix, neighbour_offsets, random_walk
from mmwsss.registry import MODELS

TOY = {
    'type': 'mmwsss.AffinityNet',
    'data_preprocessor': {'type': 'SegDataPreProcessor', 'mean': [0] * 3, 'std': [1] * 3},
    'backbone': {'type': 'mmpretrain.ResNet', 'depth': 18, 'stem_channels': 8, 'base_channels': 8, 'num_stages': 3,
                 'strides': (1, 2, 1), 'dilations': (1, 1, 1), 'out_indices': (0, 1, 2)},
    'in_channels': (8, 16, 32),
    'channels': (4, 8, 8),
    'radius': 3,
}  # fmt: skip


def pairs(height, width, radius):
    """Every unordered pair of different positions nearer than the radius."""
    places = [(y, x) for y in range(height) for x in range(width)]
    return [
        (a, b) for i, a in enumerate(places) for b in places[i + 1 :]
        if (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 < radius**2
    ]  # fmt: skip


def test_radius_five_has_34_neighbours():
    assert len(neighbour_offsets(5)) == 34
    with pytest.raises(ValueError, match='Expected radius >= 2, but got 1'):
        neighbour_offsets(1)


def test_matrix_equals_every_pair():
    feature = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(0))
    expected = np.eye(30)
    for (y, x), (v, u) in pairs(5, 6, 3):
        value = np.exp(-np.abs((feature[:, y, x] - feature[:, v, u]).numpy()).mean())
        expected[y * 6 + x, v * 6 + u] = expected[v * 6 + u, y * 6 + x] = value
    assert np.allclose(affinity_matrix(feature, 3).toarray(), expected, atol=1e-6)


def test_loss_equals_every_pair():
    generator = torch.Generator().manual_seed(0)
    feature = torch.randn(2, 4, 5, 6, generator=generator)
    labels = torch.randint(0, 3, (2, 5, 6), generator=generator)
    labels[0, :2] = IGNORE_LABEL
    terms = {'bg': [], 'fg': [], 'neg': []}
    for b in range(2):
        for (y, x), (v, u) in pairs(5, 6, 3):
            one, other = int(labels[b, y, x]), int(labels[b, v, u])
            if IGNORE_LABEL in (one, other):
                continue
            affinity = np.exp(-np.abs((feature[b, :, y, x] - feature[b, :, v, u]).numpy()).mean())
            if one != other:
                terms['neg'].append(-np.log(1 - affinity + 1e-5))
            else:
                terms['fg' if one else 'bg'].append(-np.log(affinity + 1e-5))
    expected = np.mean(terms['bg']) / 4 + np.mean(terms['fg']) / 4 + np.mean(terms['neg']) / 2
    assert affinity_loss(feature, labels, 3, IGNORE_LABEL).item() == pytest.approx(expected, rel=1e-4)
    nothing = affinity_loss(feature, torch.full_like(labels, IGNORE_LABEL), 3, IGNORE_LABEL)
    assert nothing.item() == 0


def test_walk_equals_dense_squaring():
    rng = np.random.default_rng(0)
    affinity = rng.random((12, 12))
    affinity = np.where(rng.random((12, 12)) < 0.4, affinity, 0) + np.eye(12)
    cam = rng.random((2, 3, 4))
    powered = affinity**4
    transition = powered / powered.sum(0, keepdims=True)
    for _ in range(2):
        transition = transition @ transition
    expected = (cam.reshape(2, -1) @ transition).reshape(2, 3, 4)
    assert np.allclose(random_walk(cam, affinity, 4, 2), expected, atol=1e-9)
    with pytest.raises(ValueError, match=r'Expected an affinity of \(12, 12\), but got \(9, 9\)'):
        random_walk(cam, np.eye(9), 4, 2)


def test_walk_golden(golden):
    walked = random_walk(golden['walk/cam'], golden['walk/affinity'], 8, 3)
    assert np.abs(walked - golden['walk/result_beta8_squarings3']).max() < 1e-5


def test_walk_stays_inside_an_object():
    feature = torch.zeros(1, 8, 8)
    feature[:, :, 4:] = 5.0
    cam = np.zeros((1, 8, 8))
    cam[0, 3, 1] = 1
    walked = random_walk(cam, affinity_matrix(feature, 5), 16, 4)[0]
    assert walked[:, :4].min() > 0 and walked[:, 4:].max() < 1e-6


def test_memory_grows_with_positions_and_not_with_their_square():
    def peak(side):
        feature = torch.rand(2, side, side)
        tracemalloc.start()
        random_walk(np.ones((1, side, side)), affinity_matrix(feature, 5), 8, 3)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(96) / peak(48) < 6  # 4 times the positions; a dense matrix would take 16 times as much


def test_every_sample_of_a_batch_teaches():
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(TOY)
    inputs = torch.rand(3, 3, 32, 32)
    samples = []
    for index in range(3):
        labels = torch.zeros(1, 32, 32)
        labels[:, : 8 * (index + 1)] = 1
        samples.append(SegDataSample(gt_sem_seg=PixelData(data=labels)))
    inputs.requires_grad_()
    model.eval()  # batch norm mixes samples otherwise
    model(inputs, samples, 'loss')['loss_affinity'].backward()
    assert (inputs.grad.flatten(1).abs().sum(1) > 0).all()
    assert model(inputs).shape == (3, 20, 4, 4)


def test_training_brings_neighbours_of_one_class_together():
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(TOY).train()
    inputs, labels = 0.3 * torch.rand(4, 3, 32, 32), torch.zeros(4, 1, 32, 32)
    inputs[:, :, :, 16:] += 0.7
    labels[..., 16:] = 1
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(30):
        loss = model(inputs, samples, 'loss')['loss_affinity']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
