import numpy as np
import pytest
import torch

from mmwsss.models.losses import CosineGlobalKTLoss
from mmwsss.models.losses.functional import cosine_global


def maps(channels=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, channels, 5, 7, generator=generator), torch.randn(3, channels, 5, 7, generator=generator)


def test_smoke_value_and_weight():
    student, teacher = maps()
    s, t = student.numpy().reshape(3, -1), teacher.numpy().reshape(3, -1)
    cosines = [a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in zip(s, t)]
    assert cosine_global(student, teacher).item() == pytest.approx(1 - np.mean(cosines), abs=1e-6)
    assert CosineGlobalKTLoss(0.5)(student, teacher).item() == pytest.approx((1 - np.mean(cosines)) / 2, abs=1e-6)


def test_pooled_value():
    student, teacher = maps(4)
    s, t = student.numpy().mean((2, 3)), teacher.numpy().mean((2, 3))
    cosines = [a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in zip(s, t)]
    assert CosineGlobalKTLoss(pooled=True)(student, teacher).item() == pytest.approx(1 - np.mean(cosines), abs=1e-6)


def test_golden(golden):
    student, teacher = (torch.from_numpy(golden[f'kt/{name}_map']) for name in ('student', 'teacher'))
    assert cosine_global(student, teacher).item() == pytest.approx(float(golden['kt/global_cosine']), abs=1e-6)


def test_bounds_and_scale():
    student, _ = maps()
    assert cosine_global(student, 3 * student).item() == pytest.approx(0, abs=1e-6)
    assert cosine_global(student, -student).item() == pytest.approx(2, abs=1e-6)
    ones = torch.ones(1, 1, 4, 4)
    twice = torch.ones(1, 1, 8, 8)
    assert cosine_global(ones, ones * 2) == cosine_global(twice, twice * 2)


def test_gradcheck():
    student, teacher = (m.double().requires_grad_() for m in maps())
    for pooled in (False, True):
        assert torch.autograd.gradcheck(lambda s, t, pooled=pooled: cosine_global(s, t, pooled), (student, teacher))


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
