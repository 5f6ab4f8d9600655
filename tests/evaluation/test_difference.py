"""Paired differences of two ways, with intervals over blocks of images and seeds."""

import numpy as np
import pytest

from mmwsss.evaluation import segmentation_figures
from mmwsss.evaluation.difference import FIGURES, counts_by_image, paired_difference
from mmwsss.evaluation.pixel_counts import count_pixels


def masks(rng, number=40, classes=2, empty=10):
    truth = rng.integers(0, classes + 1, (number, 6, 7))
    truth[:empty] = 0
    return truth


def run_of(truth, rng, wrong, classes=2):
    """Counts of masks of which a share of the pixels is wrong."""
    pred = np.where(rng.random(truth.shape) < wrong, rng.integers(0, classes + 1, truth.shape), truth)
    return {f'{index}.png': count_pixels(one, of, classes) for index, (one, of) in enumerate(zip(pred, truth))}


def own(run):
    return {name: name for name in run}


@pytest.mark.parametrize('figure', FIGURES)
def test_means_are_the_figures_of_the_whole_set(figure):
    rng = np.random.default_rng(1)
    truth = masks(rng)
    first, second = ([run_of(truth, rng, share) for _ in range(3)] for share in (0.5, 0.2))
    found = paired_difference(first, second, own(first[0]), 2, figure)

    def mean(runs):
        figures = [segmentation_figures(run.values(), ('a', 'b')) for run in runs]
        return np.mean([one['false_alarms']['pixels'] if figure == 'false_alarms' else one[figure] for one in figures])

    assert found.first == pytest.approx(mean(first)) and found.second == pytest.approx(mean(second))
    assert found.low < found.effect < found.high
    assert found.verdict == ('lower' if figure == 'false_alarms' else 'higher')
    assert (found.seeds, found.images, found.blocks) == (3, 40, 40)
    assert found.verdict in found.sentence() and '3 seeds, 40 images in 40 blocks' in found.sentence()


def test_the_interval_covers_the_true_difference_as_often_as_it_says():
    """Ways whose true difference is 0: an interval of 90 % lies beside 0 in about a tenth of the data sets."""
    rng, beside = np.random.default_rng(2), 0
    for _ in range(200):
        truth = masks(rng, 30, 1, 0)
        first, second = (run_of(truth, rng, 0.4, 1) for _ in range(2))
        found = paired_difference([first], [second], own(first), 1, draws=300, confidence=0.9)
        beside += found.verdict != 'not decided'
    assert 8 <= beside <= 36  # binomial: 20 +- 4


def test_what_is_alike_is_drawn_together():
    """Ten copies of each image tell no more than one: taken for independent ones they make an interval too narrow."""
    rng = np.random.default_rng(3)
    truth = masks(rng, 20, 1, 0)
    first, second = run_of(truth, rng, 0.5, 1), run_of(truth, rng, 0.4, 1)
    copies = [
        {f'{copy} {name}': counts for name, counts in run.items() for copy in range(10)} for run in (first, second)
    ]
    once = paired_difference([first], [second], own(first), 1)
    together = paired_difference(copies[:1], copies[1:], {name: name.split()[1] for name in copies[0]}, 1)
    apart = paired_difference(copies[:1], copies[1:], own(copies[0]), 1)
    assert together.blocks == 20 and together.effect == pytest.approx(once.effect)
    assert together.high - together.low == pytest.approx(once.high - once.low, rel=0.15)
    assert apart.high - apart.low < 0.5 * (once.high - once.low)


def test_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(4)
    truth = masks(rng, 60, 1, 0)
    first = [run_of(truth, rng, 0.4, 1) for _ in range(4)]
    alike = [run_of(truth, rng, 0.3, 1) for _ in range(4)]
    unlike = [run_of(truth, rng, share, 1) for share in (0.02, 0.6, 0.1, 0.5)]
    narrow, wide = (paired_difference(first, second, own(first[0]), 1) for second in (alike, unlike))
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)
    assert narrow.verdict == 'higher' and wide.verdict == 'not decided'


def test_seeds_with_images_of_their_own():
    """Scenes that were generated for a seed: drawn by themselves, so that more seeds make the interval narrower."""
    rng = np.random.default_rng(7)
    first, second = [], []
    for seed in range(9):
        truth = masks(rng, 20, 1, 0)
        for runs, wrong in ((first, 0.5), (second, 0.45)):
            runs.append({f'{seed}/{name}': counts for name, counts in run_of(truth, rng, wrong, 1).items()})
    blocks = {name: name for run in first for name in run}
    few, many = (paired_difference(first[:n], second[:n], blocks, 1) for n in (2, 9))
    assert (many.seeds, many.images, many.blocks) == (9, 180, 180)
    assert many.high - many.low < 0.7 * (few.high - few.low)
    one = paired_difference(first[:1], second[:1], blocks, 1)
    assert one.effect == pytest.approx(few.effect * 2 - paired_difference(first[1:2], second[1:2], blocks, 1).effect)
    mixed = [first[0], {**first[1], **first[0]}]
    with pytest.raises(ValueError, match='or with none in common, but some have some in common'):
        paired_difference(mixed, mixed, blocks, 1)


def test_what_cannot_be_compared_is_refused():
    rng = np.random.default_rng(5)
    run = run_of(masks(rng), rng, 0.3)
    for first, second, blocks, text in (
        ([], [], {}, 'at least one, but got 0 and 0'),
        ([run], [run, run], own(run), 'as many runs of both, at least one, but got 1 and 2'),
        ([run], [{**run, 'more.png': run['0.png']}], own(run), '1 are only in one: more.png'),
        ([run], [run], {}, 'a block of every image, but 0.png has none'),
        ([run], [run], dict.fromkeys(run, 'one'), 'two blocks or more, but all 40 are of one'),
    ):
        with pytest.raises(ValueError, match=text):
            paired_difference(first, second, blocks, 2)
    with pytest.raises(ValueError, match='values up to 1, but got 2'):
        paired_difference([run], [run], own(run), 1)
    with pytest.raises(ValueError, match="Expected a figure of .* but got 'dice'"):
        paired_difference([run], [run], own(run), 2, 'dice')


def test_rows_of_a_test_are_read():
    rng = np.random.default_rng(6)
    run = run_of(masks(rng, 3), rng, 0.3)
    read = counts_by_image([{'img_path': name, 'counts': counts.to_list()} for name, counts in run.items()])
    assert all((read[name].table == run[name].table).all() for name in run)
