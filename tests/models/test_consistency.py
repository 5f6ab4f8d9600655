"""All-pairs consistency against loops, the recorded values of ACR's code, and its own invariances."""

import copy

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from test_distiller import batch, settings

from mmwsss.cam import CAMGenerator
from mmwsss.models.backbones.attention import explicit_attention
from mmwsss.models.consistency import VIEWS, build_view
from mmwsss.models.consistency.functional import all_pairs_losses
from mmwsss.registry import MODELS


def attention(grid, layers=2, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    tokens = grid[0] * grid[1] + 1
    return [torch.randn(batch, tokens, tokens, generator=generator).softmax(-1) for _ in range(layers)]


def looped(first, second, grid, place):
    """Loops over images, layers and patches; ``place(y, x)`` is where a patch is in the view, and its grid's width."""
    height, width = grid
    activation, affinity = [], []
    for one, other in zip(first, second):
        for a, b in zip(one.numpy(), other.numpy()):
            for y in range(height):
                for x in range(width):
                    i, j = y * width + x, place(y, x)
                    activation.append(abs(a[0, 1 + i] - b[0, 1 + j]))
                    for v in range(height):
                        for u in range(width):
                            k, m = v * width + u, place(v, u)
                            affinity.append(abs(a[1 + i, 1 + k] - b[1 + j, 1 + m]))
    return np.mean(activation), np.mean(affinity)


def test_golden(golden):
    first, second = (list(torch.from_numpy(golden[f'acr/attention_view{name}']).unbind(1)) for name in ('1', '2_hflip'))
    losses = all_pairs_losses(first, second, (5, 5), build_view('hflip', 16))
    assert losses[0].item() == pytest.approx(float(golden['acr/activation_loss']), rel=1e-5)
    assert losses[1].item() == pytest.approx(float(golden['acr/affinity_loss']), rel=1e-5)


PLACES = {
    'hflip': lambda h, w: lambda y, x: y * w + (w - 1 - x),
    'vflip': lambda h, w: lambda y, x: (h - 1 - y) * w + x,
    'rot90': lambda h, w: lambda y, x: (w - 1 - x) * h + y,
}


@pytest.mark.parametrize('grid', [(3, 3), (2, 4), (4, 3)])
@pytest.mark.parametrize('view', PLACES)
def test_equals_loops(view, grid):
    first, second = attention(grid), attention(grid, seed=1)
    losses = all_pairs_losses(first, second, grid, build_view(view, 8))
    assert [loss.item() for loss in losses] == pytest.approx(looped(first, second, grid, PLACES[view](*grid)), rel=1e-5)


@pytest.mark.parametrize('grid', [(4, 4), (2, 6)])
@pytest.mark.parametrize('name', VIEWS)
def test_positions_follow_the_picture(name, grid):
    """Every compared patch of the view shows what its partner shows."""
    view = build_view(name, 4)
    picture = torch.arange(grid[0] * grid[1]).float().view(1, 1, *grid).repeat_interleave(4, 2).repeat_interleave(4, 3)
    moved = view.images(picture)
    assert tuple(side // 4 for side in moved.shape[2:]) == view.grid(grid)
    if name == 'scale':
        return
    first, second = view.positions(grid)
    ours, theirs = (p[0, 0, 1::4, 1::4].flatten() for p in (picture, moved))
    assert torch.equal(ours[first], theirs[second]) and len(first) > 0
    assert len(set(second.tolist())) == len(second)


def test_scale_joins_patches_by_hand():
    view, grid = build_view('scale', 8), (2, 4)
    matrix = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    vector = torch.rand(1, 8)
    joined_vector, joined = view.compare_first(vector, matrix, grid)
    blocks = [[0, 1, 4, 5], [2, 3, 6, 7]]
    for i, source in enumerate(blocks):
        assert joined_vector[0, i].item() == pytest.approx(sum(vector[0, s].item() for s in source), rel=1e-5)
        for j, target in enumerate(blocks):
            expected = np.mean([sum(matrix[0, s, t].item() for t in target) for s in source])
            assert joined[0, i, j].item() == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match=r'Expected a grid that 2 divides, but got \(3, 4\)'):
        view.grid((3, 4))


def test_zero_for_identical_views_and_unchanged_by_a_double_flip():
    grid = (3, 4)
    first, second = attention(grid), attention(grid, seed=1)
    for name in ('hflip', 'vflip'):
        view = build_view(name, 8)
        positions = torch.cat([torch.zeros(1, dtype=torch.long), 1 + view.positions(grid)[1]])
        flipped = [a[:, positions][:, :, positions] for a in first]  # what a perfectly equivariant network would give
        assert [loss.item() for loss in all_pairs_losses(first, flipped, grid, view)] == [0, 0]
        both = [[a[:, positions][:, :, positions] for a in attentions] for attentions in (first, second)]
        plain = all_pairs_losses(first, second, grid, view)
        assert torch.allclose(torch.stack(all_pairs_losses(*both, grid, view)), torch.stack(plain))
        twice = view.images(view.images(torch.arange(12.0).view(1, 1, 3, 4)))
        assert torch.equal(twice, torch.arange(12.0).view(1, 1, 3, 4))


def acr(view='hflip', distilled=False, **kwargs):
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    inner = {**settings(), 'paradigm': 'co'} if distilled else settings()['student']
    model = MODELS.build(copy.deepcopy({'type': 'mmwsss.AllPairsConsistency', 'model': inner, 'view': view, **kwargs}))
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return model.train()


@pytest.mark.parametrize('view', [*VIEWS, {'type': 'crop_shift', 'rows': -1, 'columns': 0}])
@pytest.mark.parametrize('distilled', [False, True])
def test_wraps_any_transformer_classifier(view, distilled):
    model = acr(view, distilled)
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    expected = {'loss_activation', 'loss_affinity'}
    inner = {'loss_bce', 'loss_kt', 'loss_bce_teacher'} if distilled else {'loss'}
    assert set(losses) == expected | inner | {f'{name}_view' for name in inner}
    assert all(torch.isfinite(value) for value in losses.values())
    (losses['loss_activation'] + losses['loss_affinity']).backward()
    qkv = model.cam_classifier.backbone.layers[0].attn.qkv.weight.grad
    assert qkv.abs().sum() > 0
    assert model.num_classes == 1


def test_losses_are_those_of_the_two_views():
    model = acr(activation_weight=2.0, affinity_weight=3.0)
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    student = model.model
    assert losses['loss'].item() == pytest.approx(student.loss(inputs, samples)['loss'].item(), rel=1e-5)
    assert losses['loss_view'].item() == pytest.approx(student.loss(inputs.flip(3), samples)['loss'].item(), rel=1e-5)
    with explicit_attention(student.backbone) as one:
        student(inputs)
    with explicit_attention(student.backbone) as two:
        student(inputs.flip(3))
    activation, affinity = looped([a.detach() for a in one.means], [a.detach() for a in two.means], (4, 4),
                                  PLACES['hflip'](4, 4))  # fmt: skip
    assert losses['loss_activation'].item() == pytest.approx(2 * activation, rel=1e-4)
    assert losses['loss_affinity'].item() == pytest.approx(3 * affinity, rel=1e-4)


def test_soft_margin_is_the_heads_loss():
    from mmwsss.models.heads.image_label_head import image_label_loss

    init_default_scope('mmpretrain')
    logits = torch.randn(2, 3)
    _, samples = batch(3)
    target = torch.stack([sample.gt_score for sample in samples])
    expected = torch.nn.functional.multilabel_soft_margin_loss(logits, target)
    assert image_label_loss(logits, samples).item() == pytest.approx(expected.item(), rel=1e-5)


def test_training_makes_attention_consistent():
    model = acr()
    inputs, samples = batch()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    values = []
    for _ in range(30):
        losses = model.loss(inputs, samples)
        values.append((losses['loss_activation'] + losses['loss_affinity']).item())
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    assert values[-1] < 0.5 * values[0]


def test_maps_and_predictions_are_those_of_the_wrapped_model():
    model = acr().eval()
    inputs, samples = batch()
    assert torch.equal(model(inputs), model.model(inputs))
    assert len(model(inputs, samples, 'predict')) == 2
    cams = CAMGenerator('acr', classes='all', size_divisor=8)(model, inputs)
    assert cams.maps.shape == (2, 1, 32, 32) and cams.raw_max.min() > 0


def test_non_square_inputs():
    model = acr()
    _, samples = batch()
    losses = model.loss(torch.randn(2, 3, 32, 48), samples)
    assert torch.isfinite(losses['loss_affinity'])
    with pytest.raises(ValueError, match=r'Expected images whose sides 8 divides, but got \(32, 44\)'):
        model.loss(torch.randn(2, 3, 32, 44), samples)


def test_errors():
    with pytest.raises(ValueError, match=r"Expected a view of \['hflip', .*'scale'\], but got 'blur'"):
        build_view('blur', 8)
    with pytest.raises(ValueError, match='Expected patch_size >= 1, but got 0'):
        build_view('hflip', 0)
    with pytest.raises(ValueError, match='Expected factor >= 2, but got 1'):
        build_view({'type': 'scale', 'factor': 1}, 8)
    with pytest.raises(ValueError, match=r'Expected a shift inside the grid \(2, 2\), but got \(2, 0\)'):
        build_view({'type': 'crop_shift', 'rows': 2, 'columns': 0}, 8).positions((2, 2))
    grid = (2, 2)
    with pytest.raises(ValueError, match='as many blocks in both views, but got 2 and 1'):
        all_pairs_losses(attention(grid), attention(grid, 1), grid, build_view('hflip', 8))
    with pytest.raises(ValueError, match='Expected attention of a class token and 9 patches in the image, but got 5'):
        all_pairs_losses(attention(grid), attention(grid), (3, 3), build_view('hflip', 8))
    init_default_scope('mmpretrain')
    with pytest.raises(ValueError, match='Expected a backbone with attention, but got ResNet'):
        MODELS.build({'type': 'mmwsss.AllPairsConsistency', 'model': settings()['teacher']})
