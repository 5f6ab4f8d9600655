"""The pair loss against its formula, and the wrapper that adds it to a classifier."""

import copy

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.structures import DataSample
from test_distiller import batch, settings

from mmwsss.datasets.transforms import PastePlume
from mmwsss.models.losses import CounterfactualLoss
from mmwsss.models.losses.functional import counterfactual_loss
from mmwsss.registry import MODELS, TRANSFORMS


def by_hand(first, second, matte, scale, empty):
    """The formula, cell by cell; the matte's side is twice the map's."""
    total = bare = 0.0
    images, rows, columns = first.shape
    for b in range(images):
        for y in range(rows):
            for x in range(columns):
                opacity = matte[b, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean()
                total += abs((first[b, y, x] - second[b, y, x]) / scale - opacity)
                bare += max(second[b, y, x], 0) / scale
    return (total + empty * bare) / (images * rows * columns)


def test_equals_the_formula():
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(2, 3, 4, generator=generator) for _ in range(2))
    matte = torch.rand(2, 6, 8, generator=generator)
    value = CounterfactualLoss(0.5, scale=3.0, empty_weight=0.7)(first, second, matte)
    assert value.item() == pytest.approx(
        0.5 * by_hand(*(v.numpy() for v in (first, second, matte)), 3.0, 0.7), rel=1e-5
    )


def test_zero_where_the_map_is_the_smoke_and_only_there():
    matte = torch.zeros(1, 8, 8)
    matte[:, 2:6, 2:6] = 1
    smoke = torch.zeros(1, 4, 4)
    smoke[:, 1:3, 1:3] = 4
    empty = torch.full((1, 4, 4), -2.0)
    assert counterfactual_loss(smoke - 2, empty, matte).item() == pytest.approx(0)
    assert counterfactual_loss(empty, empty, matte).item() == pytest.approx(0.25)  # smoke not seen
    chimney = empty.clone()
    chimney[:, 3, 0] = 4  # shown by both frames
    both = smoke - 2
    both[:, 3, 0] = 4
    assert counterfactual_loss(both, chimney, matte, empty_weight=0).item() == pytest.approx(0)
    assert counterfactual_loss(both, chimney, matte).item() == pytest.approx(1 / 16)


def test_does_not_depend_on_the_size():
    matte = torch.rand(1, 4, 4)
    first, second = torch.randn(1, 4, 4), torch.randn(1, 4, 4)
    larger = [v.repeat_interleave(2, 1).repeat_interleave(2, 2) for v in (first, second, matte)]
    assert counterfactual_loss(first, second, matte).item() == pytest.approx(counterfactual_loss(*larger).item())


def test_gradcheck():
    generator = torch.Generator().manual_seed(1)
    first, second = (torch.randn(2, 2, 3, dtype=torch.double, generator=generator) for _ in range(2))
    matte = torch.rand(2, 4, 6, dtype=torch.double, generator=generator)
    first.requires_grad_(), second.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: counterfactual_loss(a, b, matte), (first, second))


def test_bad_input():
    with pytest.raises(
        ValueError, match=r'Expected maps of one shape \(B, h, w\), but got \(1, 2, 2\) and \(1, 2, 3\)'
    ):
        counterfactual_loss(torch.zeros(1, 2, 2), torch.zeros(1, 2, 3), torch.zeros(1, 2, 2))
    with pytest.raises(ValueError, match=r'Expected a matte \(1, H, W\), but got \(2, 4, 4\)'):
        counterfactual_loss(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), torch.zeros(2, 4, 4))
    with pytest.raises(ValueError, match='Expected scale > 0, but got 0'):
        CounterfactualLoss(scale=0)


@pytest.fixture(autouse=True)
def host():
    init_default_scope('mmpretrain')
    torch.manual_seed(1)


def build(model=None, **loss):
    config = {'type': 'mmwsss.CounterfactualPairs', 'model': model or settings()['teacher']}
    model = MODELS.build({**config, 'pair_loss': {'type': 'mmwsss.CounterfactualLoss', **loss}})
    model.init_weights()
    return model.train()


def pair(size=32, index=0):
    """Inputs as a pipeline gives them: one frame with generated smoke."""
    paste = PastePlume(prob=1.0, keep_clean=True, lookalike=0.0)
    paste.set_epoch(0)
    results = {
        'img': np.random.default_rng(index).integers(60, 160, (size, size, 3)).astype(np.uint8),
        'gt_label': np.zeros(0, np.int64),
        'gt_score': np.zeros(1, np.float32),
        'sample_idx': index,
    }
    pack = TRANSFORMS.build({'type': 'mmpretrain.PackInputs', 'algorithm_keys': ('plume_matte', 'img_clean')})
    return pack(paste(results))


def collated(*packed):
    return {key: [one[key] for one in packed] for key in ('inputs', 'data_samples')}


def test_loss_is_the_models_own_and_that_of_the_pair():
    model = build(loss_weight=2.0).eval()  # eval: batch norm gives both passes the same
    data = model.data_preprocessor(collated(pair(), pair(index=1)), training=True)
    losses = model(**data, mode='loss')
    own = model.model(**data, mode='loss')
    assert losses['loss'].item() == pytest.approx(own['loss'].item())
    classifier = model.cam_classifier
    # the clean frame on its own way: as an input of the pre-processor
    clean = model.data_preprocessor(
        {'inputs': [torch.from_numpy(s.img_clean.transpose(2, 0, 1).copy()) for s in data['data_samples']]}
    )['inputs']
    maps = [classifier.head.class_maps(classifier.extract_feat(x))[:, 0] for x in (data['inputs'], clean)]
    matte = torch.stack([torch.as_tensor(s.plume_matte) for s in data['data_samples']])
    assert losses['loss_pair'].item() == pytest.approx(2 * counterfactual_loss(*maps, matte).item(), rel=1e-4)
    assert not torch.allclose(data['inputs'], clean)


def test_the_pair_teaches_the_map():
    """Some steps on the pair loss alone: the map's difference comes to follow the matte."""
    model = build()
    data = model.data_preprocessor(collated(*(pair(index=i) for i in range(6))), training=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    values = []
    for _ in range(40):
        loss = model(**data, mode='loss')['loss_pair']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert np.mean(values[-5:]) < 0.6 * np.mean(values[:5])


def test_without_a_pair_the_loss_is_zero():
    model = build().eval()
    inputs, samples = batch()
    losses = model(inputs, samples, mode='loss')
    assert losses['loss_pair'].item() == 0
    samples[0].set_field(np.zeros((32, 32), np.float32), 'plume_matte')
    samples[0].set_field(np.zeros((32, 32, 3), np.uint8), 'img_clean')
    assert model(inputs, samples, mode='loss')['loss_pair'].item() == 0


def test_predicts_as_what_it_wraps():
    model = build().eval()
    inputs, _ = batch()
    assert torch.equal(model(inputs), model.model(inputs))
    assert model.cam_classifier is model.model and model.num_classes == 1


def test_wraps_a_distiller_with_class_maps(tmp_path):
    config = settings()
    student = copy.deepcopy(config['teacher'])
    student['data_preprocessor'] = config['student']['data_preprocessor']
    distiller = {**config, 'student': student, 'neck': None, 'student_map': 'class_maps', 'paradigm': 'co'}
    model = build(distiller).eval()
    assert model.data_preprocessor.mean.flatten().tolist() == [120.0, 110.0, 100.0]
    losses = model(**model.data_preprocessor(collated(pair(), pair(index=1)), training=True), mode='loss')
    assert set(losses) == {'loss_bce', 'loss_kt', 'loss_bce_teacher', 'loss_pair'} and losses['loss_pair'] > 0


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match='Expected a head with class maps for pairs, but got ClassTokenHead'):
        build(settings()['student'])
    model = build()
    sample = DataSample().set_gt_score([1.0])
    sample.set_field(np.ones((16, 16), np.float32), 'plume_matte')
    sample.set_field(np.zeros((16, 16, 3), np.uint8), 'img_clean')
    with pytest.raises(ValueError, match=r'Expected img_clean and plume_matte of the size of the inputs, \(32, 32\)'):
        model(torch.zeros(2, 3, 32, 32), [sample, sample.clone()], mode='loss')
