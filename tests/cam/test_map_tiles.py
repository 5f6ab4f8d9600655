"""Maps of large pictures in tiles, against the same maps crop by crop, joined by hand."""

import numpy as np
import pytest
import torch
from test_cam import build, inputs, pcm, pooled, vit

from mmwsss.cam import CAMGenerator

LABELS = torch.tensor([[True, False, True], [False, True, False]])


def by_hand(model, x, settings, side, overlap, number):
    """Raw maps of every crop by the untiled generator, averaged pixel by pixel, and the highest scores."""
    height, width = x.shape[2:]
    places = [np.round(np.linspace(0, length - side, n)).astype(int) for length, n in zip((height, width), number)]
    generator = CAMGenerator(**settings)
    total, weights, scores = 0, np.zeros((height, width)), []
    for top in places[0]:
        for left in places[1]:
            cams = generator(model, x[:, :, top : top + side, left : left + side], LABELS)
            raw = (cams.maps * cams.raw_max[..., None, None]).double().numpy()
            weight = np.zeros((height, width))
            for y in range(side):
                for row in range(side):
                    near = [1.0]
                    for place, begin, length in ((y, top, height), (row, left, width)):
                        near_of_axis = [1.0]
                        if begin > 0:
                            near_of_axis.append((place + 0.5) / (side * overlap))
                        if begin + side < length:
                            near_of_axis.append((side - place - 0.5) / (side * overlap))
                        near.append(max(min(near_of_axis), 1e-3))
                    weight[top + y, left + row] = np.prod(near)
            full = np.zeros((*raw.shape[:2], height, width))
            full[:, :, top : top + side, left : left + side] = raw
            total = total + full * weight
            weights += weight
            scores.append(cams.scores.numpy())
    total = total / weights
    peak = total.max((2, 3))
    return total / np.where(peak > 0, peak, 1)[..., None, None], peak, np.max(scores, 0)


@pytest.mark.parametrize(
    ('network', 'settings'),
    [
        (pooled, {'method': 'cam', 'flip': True}),
        (vit, {'method': 'gradcam', 'target_layers': (-2, -1), 'size_divisor': 8}),
        (pcm, {'method': 'pcm'}),
    ],
)
def test_tiles_equal_crops_joined_by_hand(network, settings):
    model, x = build(network()), inputs((48, 80), 2)
    cams = CAMGenerator(**settings, tiles={'size': 32, 'overlap': 0.25})(model, x, LABELS)
    maps, peak, scores = by_hand(model, x, settings, 32, 0.25, (2, 3))
    assert cams.maps.shape == (3, len(settings.get('target_layers', (-1,))), 48, 80)
    assert np.abs(cams.maps.numpy() - maps).max() < 1e-4
    assert np.allclose(cams.raw_max.numpy(), peak, rtol=1e-4) and np.allclose(cams.scores.numpy(), scores, rtol=1e-4)


def test_the_network_sees_no_more_than_a_tile_and_small_pictures_are_not_cut():
    model, seen = build(pooled()), []
    model.backbone.register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape[2:])))
    generator = CAMGenerator(scales=(1.0, 2.0), classes='predicted', tiles={'size': 32, 'overlap': 0.5})
    generator(model, inputs((40, 96), 1))
    assert set(seen) == {(32, 32), (64, 64)}
    small = inputs((32, 32), 2)
    whole = CAMGenerator()(model, small, LABELS)
    assert torch.equal(CAMGenerator(tiles={'size': 32})(model, small, LABELS).maps, whole.maps)


def test_maps_are_scaled_over_the_whole_picture():
    """A class in one tile alone leaves the other tiles' maps low; each tile's own maximum would make them 1."""
    model = build(pooled())
    model.head.fc.weight.data.abs_()  # of features that are not negative: every map is positive everywhere
    model.head.fc.bias.data.zero_()
    x = 0.01 * inputs((32, 128), 1)
    x[:, :, 8:24, 4:24] += 3
    for scaled in (False, True):
        maps = CAMGenerator('cam', tiles={'size': 32}, classes='all', per_scale_min_max=scaled)(model, x).maps
        assert (maps.amax((2, 3)) - 1).abs().max() < 1e-4
        assert 0 < maps[..., 64:].amax() < 0.7


@pytest.mark.parametrize('tiles', [{'size': 8}, {'size': 32, 'overlap': 1.0}])
def test_refused(tiles):
    with pytest.raises(ValueError, match=r'Expected tiles of size >= 16 and an overlap in \[0, 0\.9\], but got'):
        CAMGenerator(tiles=tiles)
