"""Maps of a frozen teacher that are computed once give the losses of a teacher that is asked every time."""

import copy

import pytest
import torch
from mmpretrain.structures import DataSample
from test_distiller import config  # noqa: F401  (a fixture)

from mmwsss.registry import MODELS


def batch(number=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for index in range(number):
        sample = DataSample(metainfo={'img_path': f'{index}.jpg'})
        sample.set_gt_score(torch.ones(1))
        samples.append(sample)
    return torch.randn(number, 3, 32, 32, generator=generator), samples


def build(config, **more):  # noqa: F811
    torch.manual_seed(3)
    model = MODELS.build({**copy.deepcopy(config), **more})
    model.init_weights()
    return model.train()


def test_same_losses_and_gradients_and_one_look_each(config, monkeypatch):  # noqa: F811
    inputs, samples = batch()
    plain, cached = build(config), build(config, cache_teacher=True)
    asked = []
    original = cached._teacher_maps
    monkeypatch.setattr(cached, '_teacher_maps', lambda x: asked.append(len(x)) or original(x))
    for order in ([0, 1], [2, 3, 0], [3, 2, 1, 0]):
        for model in (plain, cached):
            model.zero_grad()
            losses = model.loss(inputs[order], [samples[index] for index in order])
            sum(losses.values()).backward()
            model.seen = {name: float(value) for name, value in losses.items()}
        assert cached.seen == pytest.approx(plain.seen, abs=1e-6)
        for one, other in zip(plain.student.parameters(), cached.student.parameters()):
            assert (one.grad is None) == (other.grad is None)
            assert one.grad is None or torch.allclose(one.grad, other.grad, atol=1e-6)
    assert asked == [2, 2] and len(cached.teacher_cache) == 4
    assert not [name for name in cached.state_dict() if 'cache' in name]


def test_a_picture_that_changes_is_refused(config):  # noqa: F811
    model = build(config, cache_teacher=True)
    inputs, samples = batch()
    model.loss(inputs, samples)
    model.loss(inputs.flip(3), samples)  # a view, as all-pairs consistency has one
    with pytest.raises(ValueError, match=r'look the same at every visit for cache_teacher, but 0\.jpg does not'):
        model.loss(inputs + 0.1, samples)


def test_wrong_settings(config):  # noqa: F811
    with pytest.raises(ValueError, match='Expected the paradigm ts for cache_teacher'):
        MODELS.build({**copy.deepcopy(config), 'paradigm': 'co', 'cache_teacher': True})
    model = build(config, cache_teacher=True)
    inputs, samples = batch()
    bare = DataSample()
    bare.set_gt_score(torch.ones(1))
    with pytest.raises(ValueError, match='Expected img_path in the samples'):
        model.loss(inputs, [bare] * 4)
