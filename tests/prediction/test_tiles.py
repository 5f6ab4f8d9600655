"""Tiles cover a picture, and scores join without seams."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from mmwsss.prediction.tiles import Tiling, predict_tiles
from mmwsss.utils.tiles import ramp, starts


@pytest.mark.parametrize(
    ('length', 'side', 'overlap'), [(6000, 2000, 0.5), (100, 33, 0.25), (65, 64, 0), (17, 16, 0.9), (10, 64, 0.5)]
)
def test_tiles_cover_with_their_overlap(length, side, overlap):
    begins = starts(length, side, overlap)
    assert begins[0] == 0 and (begins[-1] + side == length or length <= side)
    steps = np.diff(begins)
    assert (steps > 0).all() and (steps <= side * (1 - overlap) + 1).all()


def test_weights():
    inner = ramp(100, 200, 300, 40)
    assert inner[50] == 1 and inner[0] < 0.02 and inner[-1] < 0.02 and (np.diff(inner[:40]) > 0).all()
    outer = ramp(0, 100, 300, 40)
    assert outer[0] == 1 and outer[-1] < 0.02
    assert (ramp(0, 50, 50, 25) == 1).all() and (ramp(10, 20, 30, 0) == 1).all()


@pytest.mark.parametrize('shape', [(90, 200), (200, 90), (64, 64), (50, 300), (131, 131)])
@pytest.mark.parametrize('batch_size', [1, 3])
def test_scores_of_single_pixels_join_exactly(shape, batch_size):
    """A network that looks at nothing around a pixel: tiles must not change anything."""
    rng = np.random.default_rng(0)
    img = rng.integers(0, 256, (*shape, 3), np.uint8)

    def scores_of(pictures):
        assert len(pictures) <= batch_size
        values = [picture.transpose(2, 0, 1).astype(np.float32) for picture in pictures]
        return [value / np.maximum(value.sum(0), 1) for value in values]

    label, score = predict_tiles(img, 64, 0.4, scores_of, batch_size)
    (whole,) = scores_of([img])
    np.testing.assert_allclose(score, whole.max(0), atol=1e-5)
    clear = np.sort(whole, 0)[-1] - np.sort(whole, 0)[-2] > 1e-4
    np.testing.assert_array_equal(label[clear], whole.argmax(0)[clear])


def test_a_network_that_looks_around_has_weak_seams():
    """One that sees 21 pixels, and mirrors at edges, is wrong at tiles' edges; joined scores hide it."""
    rng = np.random.default_rng(1)
    img = np.repeat(rng.integers(0, 256, (128, 512, 1), np.uint8), 3, 2)

    def scores_of(pictures):
        smooth = [uniform_filter(picture[..., 0].astype(np.float32), 21) / 255 for picture in pictures]
        return [np.stack([1 - value, value]) for value in smooth]

    (whole,) = scores_of([img])
    difference = {}
    for overlap in (0, 0.5):
        label, _ = predict_tiles(img, 128, overlap, scores_of)
        difference[overlap] = (label != whole.argmax(0)).mean()
    assert 0 < difference[0.5] < 0.5 * difference[0]


def test_which_pictures_are_cut():
    assert Tiling().unit((600, 1201)) == 600 and Tiling().unit((600, 1200)) is None
    assert Tiling(100).unit((100, 100)) is None and Tiling(99).unit((100, 100)) == 99
    for values, message in [
        ((8,), 'at least 16 pixels, or 0 for none, but got 8'),
        ((0, 0.95), 'but got 0.95'),
        ((0, 0.5, 0), 'a span of tiles >= 1, but got 0'),
    ]:
        with pytest.raises(ValueError, match=message):
            Tiling(*values)
