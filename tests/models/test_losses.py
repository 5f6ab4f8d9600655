"""Knowledge-transfer losses against slow NumPy counts and the recorded values of the paper's code."""

import warnings

import numpy as np
import pytest
import torch

from mmwsss.models.losses import CosineGlobalKTLoss, KnowledgeTransferLoss
from mmwsss.models.losses.functional import cosine_global, map_distance


def maps(channels=2, seed=0, size=(5, 7)):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, channels, *size, generator=generator), torch.randn(3, channels, *size, generator=generator)


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def distance(a, b, metric, normalize):
    """Two NumPy vectors."""
    if metric == 'cosine':
        return 1 - cosine(a, b)
    if metric == 'l1':
        return np.abs(a - b).mean()
    if metric == 'mse':
        return ((a - b) ** 2).mean()
    return np.sqrt(((a - b) ** 2).sum() / (len(a) if normalize else 1))


def counted(student, teacher, metric, level, normalize=True, reduce=np.mean, pairs='matched'):
    """Loops over images, positions, channels."""
    values = []
    for s, t in zip(student.numpy().astype(np.float64), teacher.numpy().astype(np.float64)):
        channels, height, width = s.shape
        if level == 'global':
            values.append(distance(s.ravel(), t.ravel(), metric, normalize))
        elif level == 'spatial':
            for y in range(height):
                for x in range(width):
                    values.append(distance(s[:, y, x], t[:, y, x], metric, normalize))
        elif level == 'channel':
            for i in range(channels):
                for j in range(len(t)) if pairs == 'all' else [i]:
                    values.append(distance(s[i].ravel(), t[j].ravel(), metric, normalize))
        elif level == 'spatial_map':
            values.append(distance(reduce(s, 0).ravel(), reduce(t, 0).ravel(), metric, normalize))
        elif level == 'inner':
            grams = [np.array([[(a * b).mean() for b in m] for a in m]) for m in (s, t)]
            for i in range(channels):
                values.append(distance(grams[0][:, i], grams[1][:, i], metric, normalize))
    return float(np.mean(values))


@pytest.mark.parametrize('level', ['global', 'spatial', 'channel', 'spatial_map', 'inner'])
@pytest.mark.parametrize('metric', ['cosine', 'l1', 'l2', 'mse'])
def test_equals_numpy(metric, level):
    student, teacher = maps(3)
    loss = KnowledgeTransferLoss(metric, level, pairs='matched')
    assert loss(student, teacher).item() == pytest.approx(counted(student, teacher, metric, level), abs=1e-5)
    weighted = KnowledgeTransferLoss(metric, level, 0.3, pairs='matched')
    assert weighted(student, teacher).item() == pytest.approx(0.3 * loss(student, teacher).item(), abs=1e-6)


def test_options_equal_numpy():
    student, teacher = maps(4)
    loss = KnowledgeTransferLoss('l2', 'global', normalize_l2=False)(student, teacher).item()
    assert loss == pytest.approx(counted(student, teacher, 'l2', 'global', normalize=False), rel=1e-5)
    loss = KnowledgeTransferLoss('cosine', 'spatial_map', map_reduce='max')(student, teacher).item()
    assert loss == pytest.approx(counted(student, teacher, 'cosine', 'spatial_map', reduce=np.max), abs=1e-5)
    loss = KnowledgeTransferLoss('cosine', 'channel')(student, teacher).item()
    assert loss == pytest.approx(counted(student, teacher, 'cosine', 'channel', pairs='all'), abs=1e-5)
    wide = torch.cat([student, teacher], 1)
    loss = KnowledgeTransferLoss('cosine', 'channel')(wide, teacher).item()
    assert loss == pytest.approx(counted(wide, teacher, 'cosine', 'channel', pairs='all'), abs=1e-5)


GOLDEN = [
    ('global', 'cosine', 'global_cosine'),
    ('global', 'l1', 'global_l1'),
    ('global', 'l2', 'global_l2'),
    ('spatial', 'cosine', 'spatial_cosine'),
    ('channel', 'cosine', 'channel_cosine'),
    ('inner', 'cosine', 'channel_inner'),
    ('spatial_map', 'cosine', 'spatial_map_cosine'),
    ('spatial_map', 'l1', 'spatial_map_l1'),
    ('spatial_map', 'l2', 'spatial_map_l2'),
    ('logits', 'cosine', 'logits_cosine'),
    ('logits', 'l1', 'logits_l1'),
    ('logits', 'l2', 'logits_l2'),
    ('logits', 'kl', 'logits_kl'),
]


@pytest.mark.parametrize(('level', 'metric', 'key'), GOLDEN, ids=[key for *_, key in GOLDEN])
def test_golden(level, metric, key, golden):
    kind = 'logits' if level == 'logits' else 'map'
    student, teacher = (torch.from_numpy(golden[f'kt/{name}_{kind}']) for name in ('student', 'teacher'))
    loss = KnowledgeTransferLoss(metric, level, normalize_l2=False)
    assert loss(student, teacher).item() == pytest.approx(float(golden[f'kt/{key}']), rel=1e-5)


def test_golden_without_projection(golden):
    loss = KnowledgeTransferLoss('cosine', 'channel')
    student, teacher = (torch.from_numpy(golden[f'kt/{name}']) for name in ('wide_student_map', 'teacher_map'))
    assert loss(student, teacher).item() == pytest.approx(float(golden['kt/channel_cosine_no_projection']), rel=1e-5)


def test_main_case():
    student, teacher = maps()
    assert torch.equal(
        CosineGlobalKTLoss(0.5)(student, teacher), KnowledgeTransferLoss(loss_weight=0.5)(student, teacher)
    )
    s, t = student.numpy().mean((2, 3)), teacher.numpy().mean((2, 3))
    value = 1 - np.mean([cosine(a, b) for a, b in zip(s, t)])
    assert CosineGlobalKTLoss(pooled=True)(student, teacher).item() == pytest.approx(value, abs=1e-6)


def test_bounds():
    student, _ = maps()
    assert cosine_global(student, 3 * student).item() == pytest.approx(0, abs=1e-6)
    assert cosine_global(student, -student).item() == pytest.approx(2, abs=1e-6)


@pytest.mark.parametrize('level', ['global', 'spatial', 'channel', 'spatial_map', 'inner'])
@pytest.mark.parametrize('metric', ['cosine', 'l1', 'l2', 'mse'])
def test_weight_does_not_change_with_the_input_size(metric, level):
    student, teacher = maps(3)
    loss = KnowledgeTransferLoss(metric, level, pairs='matched')
    larger = [m.repeat_interleave(3, 2).repeat_interleave(2, 3) for m in (student, teacher)]
    assert loss(*larger).item() == pytest.approx(loss(student, teacher).item(), rel=1e-5)


@pytest.mark.parametrize('level', ['global', 'spatial', 'channel', 'spatial_map', 'inner'])
def test_gradcheck(level):
    student, teacher = (m.double().requires_grad_() for m in maps(3, size=(2, 3)))
    for metric in ('cosine', 'l2', 'mse'):
        assert torch.autograd.gradcheck(
            lambda s, t, metric=metric: map_distance(s, t, metric, level, pairs='matched'), (student, teacher)
        )
    assert torch.autograd.gradcheck(lambda s, t: map_distance(s, t, 'cosine', 'channel'), (student, teacher))


def test_divergences():
    student, teacher = maps(4)
    student, teacher = student[..., 0, 0], teacher[..., 0, 0]
    values, pairs = [], []
    for s, t in zip(student.numpy() / 2, teacher.numpy() / 2):
        p, q = np.exp(t) / np.exp(t).sum(), np.exp(s) / np.exp(s).sum()
        values.append(4 * (p * np.log(p / q)).sum())
        for a, b in zip(1 / (1 + np.exp(-t)), 1 / (1 + np.exp(-s))):
            pairs.append(4 * (a * np.log(a / b) + (1 - a) * np.log((1 - a) / (1 - b))))
    kl = KnowledgeTransferLoss('kl', 'logits', temperature=2.0)(student, teacher)
    assert kl.item() == pytest.approx(np.mean(values), rel=1e-4)
    bernoulli = KnowledgeTransferLoss('bernoulli_kl', 'logits', temperature=2.0)(student, teacher)
    assert bernoulli.item() == pytest.approx(np.mean(pairs), rel=1e-4)


def test_softmax_kl_of_one_class_is_a_no_op_and_says_so():
    student = torch.tensor([[0.3], [-2.0]], requires_grad=True)
    teacher = torch.tensor([[3.0], [1.0]])
    loss = KnowledgeTransferLoss('kl', 'logits')
    with pytest.warns(UserWarning, match='zero for one class.*bernoulli_kl'):
        value = loss(student, teacher)
    value.backward()
    assert value.item() == 0 and not student.grad.any()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        loss(student, teacher)  # once is enough
    student.grad = None
    value = KnowledgeTransferLoss('bernoulli_kl', 'logits')(student, teacher)
    value.backward()
    assert value.item() > 0 and student.grad.abs().min() > 0


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'metric': 'l3'}, "Expected metric of .*but got 'l3'"),
        ({'level': 'pixel'}, "Expected level of .*but got 'pixel'"),
        ({'pairs': 'some'}, "Expected pairs of .*but got 'some'"),
        ({'map_reduce': 'sum'}, "Expected map_reduce of .*but got 'sum'"),
        ({'metric': 'kl', 'level': 'spatial'}, "Expected level 'logits' for the metric 'kl', but got 'spatial'"),
        ({'metric': 'l1', 'level': 'channel'}, "Expected pairs 'matched' for the metric 'l1' of channels"),
        ({'level': 'spatial', 'pooled': True}, "Expected pooled at the level 'global' only, but got 'spatial'"),
        ({'temperature': 0}, 'Expected temperature > 0, but got 0'),
    ],
)
def test_unknown_combinations(arguments, message):
    with pytest.raises(ValueError, match=message):
        KnowledgeTransferLoss(**arguments)


@pytest.mark.parametrize('level', ['global', 'spatial', 'inner'])
def test_channels_that_differ_name_the_neck(level):
    with pytest.raises(ValueError, match=r'got \(3, 6, 5, 7\) and \(3, 2, 5, 7\).*FeatureProjectionNeck'):
        KnowledgeTransferLoss(level=level)(maps(6)[0], maps(2)[0])


def test_cosine_of_single_numbers_is_refused():
    with pytest.raises(ValueError, match='Expected vectors of at least 2 numbers for a cosine, but got 1'):
        KnowledgeTransferLoss(level='spatial')(*maps(1))


@pytest.mark.parametrize(
    ('student', 'teacher', 'message'),
    [
        ((3, 2, 5, 7), (3, 4, 5, 7), r'got \(3, 2, 5, 7\) and \(3, 4, 5, 7\).*FeatureProjectionNeck'),
        ((3, 2, 5, 7), (2, 2, 5, 7), r'got \(3, 2, 5, 7\) and \(2, 2, 5, 7\)\.$'),
        ((3, 2, 5, 7), (3, 2, 7, 5), r'got \(3, 2, 5, 7\) and \(3, 2, 7, 5\)'),
        ((3, 2, 35), (3, 2, 35), r'Expected student_map of shape \(B, C, h, w\), but got \(3, 2, 35\)'),
    ],
)
def test_shapes(student, teacher, message):
    with pytest.raises(ValueError, match=message):
        cosine_global(torch.zeros(student), torch.zeros(teacher))


def test_shapes_of_logits():
    with pytest.raises(ValueError, match=r'Expected logits of one shape \(B, K\), but got \(3, 2\) and \(3, 4\)'):
        KnowledgeTransferLoss('l1', 'logits')(torch.zeros(3, 2), torch.zeros(3, 4))
