"""The plume model: its parts against loops and formulas, and what its parameters do."""

from dataclasses import replace

import numpy as np
import pytest

from mmwsss.datasets import lookalikes
from mmwsss.datasets.composites import Composer
from mmwsss.datasets.grain import add_grain, measure_grain, recompress
from mmwsss.datasets.plume_kinds import CHANCES, KINDS, PlumeRanges, draw_kind
from mmwsss.datasets.plumes import blend, draw_plume, luminance, puff_density, smoke_colour


def frame(seed=0, size=(72, 96), noise=4.0):
    """A sky that darkens upwards above rough ground, uint8 BGR."""
    rng = np.random.default_rng(seed)
    rows, columns = size
    height = np.linspace(0, 1, rows)[:, None, None]
    img = np.array([220.0, 170, 120]) * (0.7 + 0.3 * height) * np.ones((1, columns, 1))
    ground = rows * 2 // 3
    img[ground:] = np.array([50.0, 80, 70]) + rng.normal(0, 15, (rows - ground, columns, 1))
    return np.clip(img + rng.normal(0, noise, (*size, 1)), 0, 255).round().astype(np.uint8)


def test_puffs_equal_a_loop():
    rng = np.random.default_rng(0)
    x, y, rx, ry, w = (rng.uniform(0.2, 1, 5) for _ in range(5))
    axes = (np.linspace(0, 1, 7, dtype=np.float32), np.linspace(0, 1.5, 9, dtype=np.float32))
    expected = np.zeros((7, 9))
    for i in range(5):
        for row, v in enumerate(axes[0]):
            for column, u in enumerate(axes[1]):
                expected[row, column] += w[i] * np.exp(
                    -2 * (u - x[i]) ** 2 / rx[i] ** 2 - 2 * (v - y[i]) ** 2 / ry[i] ** 2
                )
    assert np.allclose(puff_density(x, y, rx, ry, w, axes), expected, atol=1e-5)


@pytest.mark.parametrize('kind', KINDS)
def test_a_plume_follows_from_its_generator(kind):
    first, second, other = (draw_plume(np.random.default_rng(s), (60, 80), KINDS[kind]) for s in (1, 1, 2))
    assert np.array_equal(first.matte, second.matte) and np.array_equal(first.shade, second.shade)
    assert not np.array_equal(first.matte, other.matte)
    for plume in (first, other):
        assert plume.matte.dtype == plume.shade.dtype == np.float32 and plume.matte.shape == (60, 80)
        assert plume.matte.min() == 0 and plume.matte.max() <= 1


def mean_share(ranges, cut=0.2, number=40):
    return np.mean([(draw_plume(np.random.default_rng(s), (64, 64), ranges).matte > cut).mean() for s in range(number)])


def test_parameters_do_what_they_say():
    base = PlumeRanges()
    assert mean_share(replace(base, spread=(0.4, 0.5))) > 1.5 * mean_share(replace(base, spread=(0.05, 0.1)))
    assert mean_share(replace(base, depth=(3, 4)), 0.5) > 1.5 * mean_share(replace(base, depth=(0.4, 0.6)), 0.5)
    capped = [draw_plume(np.random.default_rng(s), (64, 64), replace(base, opacity=(0.3, 0.4))) for s in range(20)]
    assert max(plume.matte.max() for plume in capped) <= 0.42
    still = replace(base, wind=(0.0, 0.0), x=(0.5, 0.5), meander=(0.0, 0.0), turbulence=(0.0, 0.0), y=(0.9, 0.9))
    columns = np.mean([draw_plume(np.random.default_rng(s), (64, 64), still).matte.sum(0) for s in range(20)], 0)
    assert abs((columns * np.arange(64)).sum() / columns.sum() - 31.5) < 2  # without wind it stands above its source
    rows = np.mean([draw_plume(np.random.default_rng(s), (64, 64), still).matte.sum(1) for s in range(20)], 0)
    assert rows[:50].sum() > 3 * rows[-3:].sum()


def test_size_of_the_frame_does_not_change_the_plume():
    small, large = (draw_plume(np.random.default_rng(3), (n, n)).matte for n in (144, 288))
    assert abs((small > 0.2).mean() - (large > 0.2).mean()) < 0.01


@pytest.mark.parametrize('tones', [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0)])
def test_tones(tones):
    img = np.full((64, 64, 3), 128, np.float32)
    plume = draw_plume(np.random.default_rng(5), (64, 64), replace(KINDS['column'], tones=tones, contrast=0.0))
    tone = luminance(smoke_colour(np.random.default_rng(0), img, plume)).mean()
    assert (tone > 105) if tones[0] else (tone < 90)


def test_a_plume_is_seen():
    """Where it is densest it differs from what is behind by the contrast that was asked for, or nearly."""
    ranges = replace(KINDS['thin'], contrast=12.0, relief=(0.0, 0.0))
    for seed in range(20):
        rng = np.random.default_rng(seed)
        img = np.full((64, 64, 3), rng.uniform(60, 200), np.float32)
        plume = draw_plume(rng, (64, 64), ranges)
        if plume.matte.max() < 0.2:
            continue
        change = luminance(blend(img, smoke_colour(rng, img, plume), plume.matte) - img)
        assert np.abs(change).max() > 8


def test_kinds_are_drawn_by_their_chances():
    rng = np.random.default_rng(0)
    drawn = [draw_kind(rng, {'thin': 3.0, 'far': 1.0}) for _ in range(400)]
    assert sum(ranges is KINDS['thin'] for ranges in drawn) / 400 == pytest.approx(0.75, abs=0.07)
    assert set(CHANCES) == set(KINDS)


def test_bad_ranges():
    with pytest.raises(ValueError, match=r'Expected depth as \(low, high\), but got \(2, 1\)'):
        PlumeRanges(depth=(2, 1))
    with pytest.raises(
        ValueError, match=r'Expected tones as three chances that add up to 1, but got \(0.5, 0.5, 0.5\)'
    ):
        PlumeRanges(tones=(0.5, 0.5, 0.5))


@pytest.mark.parametrize('name', lookalikes.LOOKALIKES)
def test_lookalikes_change_the_frame_and_stay_in_range(name):
    img = frame().astype(np.float32)
    changes = []
    for seed in range(12):
        colour, cover = lookalikes.LOOKALIKES[name](np.random.default_rng(seed), img)
        assert cover.shape[:2] == img.shape[:2] and cover.min() >= 0 and cover.max() <= 1
        laid = lookalikes.lay(img, (colour, cover))
        assert laid.dtype == np.float32 and laid.min() > -1 and laid.max() < 256
        changes.append(np.abs(laid - img).max())
    assert np.median(changes) > 5


def test_clouds_stay_in_the_sky():
    img = frame().astype(np.float32)
    sky = lookalikes.sky_mask(img)
    assert sky[:40].mean() > 0.9 and sky[52:].max() == 0
    for seed in range(12):
        assert lookalikes.cloud(np.random.default_rng(seed), img)[1][52:].max() == 0
    assert lookalikes.sky_mask(frame()[52:].astype(np.float32)).max() == 0


@pytest.mark.parametrize(('sigma', 'blur'), [(3.0, 0.0), (8.0, 0.0), (6.0, 1.0)])
def test_grain_is_measured_and_given_back(sigma, blur):
    import cv2

    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (128, 128)).astype(np.float32)
    if blur:
        noise = cv2.GaussianBlur(noise, (0, 0), blur)
    img = np.repeat((120 + sigma * noise / noise.std())[..., None], 3, 2)
    grain = measure_grain(img)
    assert grain.sigma == pytest.approx(sigma, rel=0.3)
    assert abs(grain.blur - (blur or 0.3)) < 0.45
    for opacity in (0.3, 0.9):  # the composite is as noisy as the frame, whatever the opacity
        matte = np.full((128, 128), opacity, np.float32)
        layer = add_grain(rng, np.full((128, 128, 3), 200, np.float32), matte, grain)
        left = (1 - opacity) * sigma
        expected = np.sqrt(left**2 + (1 - (1 - opacity) ** 2) * grain.sigma**2)
        assert blend(img, layer, matte)[..., 0].std() == pytest.approx(expected, rel=0.1)
        assert blend(img, np.full_like(img, 200), matte)[..., 0].std() < 0.85 * expected  # and is not without it


def test_no_grain_in_flat_frames():
    for img in (np.zeros((64, 64, 3)), np.full((64, 64, 3), 255.0), np.full((64, 64, 3), 90.0), np.zeros((8, 8, 3))):
        assert measure_grain(img.astype(np.float32)).sigma == 0


def test_compression_stays_inside():
    img = frame(noise=20).astype(np.float32)
    matte = np.zeros(img.shape[:2], np.float32)
    matte[20:40, 20:60] = 0.5
    coded = recompress(img, matte, 30)
    assert np.array_equal(coded[matte == 0], img[matte == 0])
    assert np.abs(coded - img)[matte > 0].mean() > 1


@pytest.mark.parametrize('lookalike', [0.0, 1.0])
def test_composite_is_exact(lookalike):
    composer = Composer(lookalike=lookalike)
    img = frame()
    before = img.copy()
    seen = 0
    for seed in range(30):
        one, again = (composer.compose(np.random.default_rng(seed), img, True) for _ in range(2))
        assert np.array_equal(one.img, again.img) and np.array_equal(one.matte, again.matte)
        outside = one.matte == 0
        assert outside.any() and np.array_equal(one.img[outside], one.clean[outside])
        seen += np.abs(one.img.astype(int) - one.clean)[one.matte > 0.5].mean() > 3 if (one.matte > 0.5).any() else 1
        if not lookalike:
            assert np.array_equal(one.clean, img)
    assert seen > 24 and np.array_equal(img, before)


def test_composite_obeys_the_formula():
    """Without noise and compression a composite is (1 - matte) clean + matte colour with one smooth colour."""
    composer = Composer(lookalike=0, quality=None, second=0.0, kinds={'column': 1.0})
    img = np.full((72, 96, 3), (200, 160, 130), np.uint8)
    img[40:] = 60
    for seed in range(10):
        one = composer.compose(np.random.default_rng(seed), img, True)
        dense = one.matte > 0.3
        if dense.sum() < 20:
            continue
        clean = one.clean.astype(float)
        colour = clean + (one.img - clean) / np.maximum(one.matte, 1e-6)[..., None]  # the formula, solved for colour
        assert colour[dense].min() > -3 and colour[dense].max() < 258
        upper, lower = colour[:40][dense[:40]], colour[40:][dense[40:]]
        if len(upper) > 30 and len(lower) > 30:  # the smoke's colour does not depend on what is behind a pixel
            assert abs(upper.mean() - lower.mean()) < 25


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'second': 2}, r'Expected second in \[0, 1\], but got 2'),
        ({'kinds': {'smog': 1}}, r"Expected kinds as chances of \['column'.*but got \{'smog': 1\}"),
        ({'lookalikes': {}}, r"Expected lookalikes as chances of \['cloud'"),
        ({'quality': (90, 101)}, r'Expected quality as \(low, high\) in \[1, 100\], but got \(90, 101\)'),
    ],
)
def test_bad_composer(kwargs, message):
    with pytest.raises(ValueError, match=message):
        Composer(**kwargs)


def test_ranges_of_ones_own_take_the_place_of_every_kinds():
    img = frame()
    for kind in KINDS:
        faint = Composer(kinds={kind: 1.0}, second=0.0, cut=0.05, ranges={'opacity': (0.2, 0.25)})
        mattes = [faint.compose(np.random.default_rng(seed), img, True).matte.max() for seed in range(8)]
        assert 0.05 < max(mattes) <= 0.26
    with pytest.raises(ValueError, match=r"Expected ranges of \['x', .*, but got \['windy'\]"):
        Composer(ranges={'windy': (0.0, 1.0)})


def test_smoke_without_grain_is_smoother_than_its_frame():
    img = frame(noise=12.0)
    parts = {'second': 0.0, 'lookalike': 0.0, 'quality': None, 'ranges': {'opacity': (1.0, 1.0), 'texture': (0.0, 0.0)}}

    def roughness(grain):
        found = []
        for seed in range(6):
            composite = Composer(grain=grain, **parts).compose(np.random.default_rng(seed), img, True)
            inside = composite.matte > 0.9
            step = np.abs(np.diff(luminance(composite.img.astype(np.float32)), axis=1))
            found.extend(step[inside[:, 1:] & inside[:, :-1]])
        return np.mean(found)

    assert roughness(grain=False) < 0.5 * roughness(grain=True)
