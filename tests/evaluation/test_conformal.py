"""Bounds on false alarms hold whatever the scores are, and are refused where they cannot."""

import math

import numpy as np
import pytest
from scipy import ndimage

from mmwsss.evaluation.conformal import (
    GRID,
    FalseAlarms,
    TooFewBlocksError,
    bound_false_alarms,
    budget_of,
    needed_blocks,
    p_value,
    smallest_threshold,
)
from mmwsss.evaluation.regions import critical_score


def calibrate_rows(critical, alpha):
    """Thresholds of many calibrations at once, by sorting: the (k + 1)-th largest score, k = floor(alpha (n + 1) - 1).

    An implementation of its own, for the risk of frames in blocks of one.
    """
    allowed = math.floor(alpha * (critical.shape[1] + 1) - 1 + 1e-9)
    return np.sort(critical, axis=1)[:, ::-1][:, allowed]


@pytest.mark.parametrize(('blocks', 'alpha'), [(99, 0.01), (199, 0.05), (60, 0.1)])
@pytest.mark.parametrize('adversarial', [False, True])
def test_the_mean_risk_is_what_was_promised(blocks, alpha, adversarial):
    """20,000 calibrations; the adversary's scores are nearly all ties, and lie in two far heaps."""
    rng = np.random.default_rng(0)
    uniform = rng.random((20_000, blocks + 1))
    scores = np.where(uniform < 0.97, np.round(uniform, 1) / 1e3, 0.999 + np.round(uniform, 2) / 1e3)
    scores = scores if adversarial else uniform
    thresholds = calibrate_rows(scores[:, :-1], alpha)
    for row in range(40):  # the package's own give the same
        assert smallest_threshold(scores[row, :-1], np.ones(blocks), budget_of(blocks, alpha)) == thresholds[row]
    alarms = scores[:, -1] > thresholds
    error = 4 * math.sqrt(alpha * (1 - alpha) / len(alarms))
    assert alarms.mean() <= alpha + error
    exact = math.floor(alpha * (blocks + 1) + 1e-9) / (blocks + 1)
    if not adversarial:  # without ties it is not only a bound
        assert abs(alarms.mean() - exact) < error


@pytest.mark.parametrize('adversarial', [False, True])
def test_the_mean_pixel_risk_is_what_was_promised(adversarial):
    """10,000 calibrations on shares of marked pixels, by counting; the adversary's frames are empty or full."""
    rng = np.random.default_rng(5)
    rounds, blocks, alpha, levels = 10_000, 30, 0.1, 64
    if adversarial:  # rare frames that are full at one of two scores
        full = rng.random((rounds, blocks + 1, 1)) < 0.07
        scores = np.where(full, rng.choice([20, 60], (rounds, blocks + 1, 1)), 1).repeat(16, 2)
    else:  # frames differ as much as their pixels
        scores = rng.integers(0, 40, (rounds, blocks + 1, 1)) + rng.integers(0, 24, (rounds, blocks + 1, 16))
    above = np.stack([(scores > level).mean(2) for level in range(levels)], axis=2)  # losses at level / 64
    thresholds = (above[:, :-1].sum(1) <= alpha * (blocks + 1) - 1 + 1e-9).argmax(1)
    for row in range(20):  # the package's own give the same
        alarms = FalseAlarms()
        for block in range(blocks):
            alarms.update((scores[row, block] / levels).astype(np.float32).reshape(4, 4), block)
        assert alarms.bound(alpha, 'pixels').threshold * levels == thresholds[row]
    risk = above[np.arange(rounds), -1, thresholds]
    assert alpha / 4 < risk.mean() <= alpha + 4 * risk.std() / math.sqrt(rounds)


def test_blocks_of_many_frames_keep_the_promise_and_single_frames_as_units_break_it():
    """Days differ as much as the frames of a day: hundreds of frames of few days are no hundreds of units."""
    rng = np.random.default_rng(1)
    days, frames, alpha, rounds = 20, 50, 0.1, 3000
    scores = rng.normal(size=(rounds, days + 1, 1)) + rng.normal(size=(rounds, days + 1, frames))
    known, new = scores[:, :-1].reshape(rounds, -1), scores[:, -1]
    by_frame = np.array([smallest_threshold(row, np.ones(days * frames), budget_of(days * frames, alpha))
                         for row in known])  # fmt: skip
    by_block = np.array([smallest_threshold(row, np.full(days * frames, 1 / frames), budget_of(days, alpha))
                         for row in known])  # fmt: skip
    assert (new > by_block[:, None]).mean() <= alpha
    assert (new > by_frame[:, None]).mean() > alpha + 0.003


def test_a_confidence_holds_in_its_share_of_calibrations():
    rng = np.random.default_rng(2)
    blocks, alpha, rounds = 300, 0.05, 4000
    scores = np.sort(rng.random((rounds, blocks)), axis=1)[:, ::-1]
    allowed = math.floor(budget_of(blocks, alpha, 0.9) + 1e-9)
    assert 0 < allowed < alpha * blocks
    true_risk = 1 - scores[:, allowed]
    assert (true_risk > alpha).mean() <= 0.1
    on_average = math.floor(budget_of(blocks, alpha) + 1e-9)
    assert (1 - scores[:, on_average] > alpha).mean() > 0.3  # what the confidence is for


def test_too_few_blocks_are_refused_with_the_number_that_is_needed():
    scores = [np.full((4, 4), 0.5)] * 98
    with pytest.raises(TooFewBlocksError, match=r'at least 99 blocks .* by 0.01, but got 98 \(98 frames\)'):
        bound_false_alarms(scores, range(98), 0.01)
    assert bound_false_alarms(scores + scores[:1], range(99), 0.01).threshold == 0.5
    with pytest.raises(TooFewBlocksError, match='at least 9 blocks .* but got 3'):
        bound_false_alarms(scores[:90], [index % 3 for index in range(90)], 0.1, 'pixels')
    with pytest.raises(TooFewBlocksError, match='at least 29 blocks .* confidence 0.95, but got 28'):
        bound_false_alarms(scores[:28], range(28), 0.1, confidence=0.95)
    assert bound_false_alarms(scores[:29], range(29), 0.1, confidence=0.95).observed == 0


def test_networks_that_one_was_chosen_from_share_the_bound():
    rng = np.random.default_rng(5)
    alarms = FalseAlarms(0.1)
    for index in range(60):
        alarms.update(rng.random((5, 5)) * rng.random(), index)
    alone, shared = alarms.bound(0.2), alarms.bound(0.2, among=4)
    assert shared.threshold == alarms.bound(0.05).threshold > alone.threshold and shared.alpha == 0.2
    sure = alarms.bound(0.2, confidence=0.8, among=4)
    assert sure.threshold == alarms.bound(0.2, confidence=0.95).threshold and sure.confidence == 0.8
    with pytest.raises(TooFewBlocksError, match='at least 99 blocks .* by 0.01, .* shared by the 20 networks'):
        alarms.bound(0.2, among=20)
    with pytest.raises(ValueError, match='Expected among to be 1 or more, but got 0'):
        alarms.bound(0.2, among=0)


@pytest.mark.parametrize('confidence', [None, 0.9])
@pytest.mark.parametrize('alpha', [0.3, 0.1, 0.03, 0.01])
def test_fewest_blocks_are_fewest(alpha, confidence):
    needed = needed_blocks(alpha, confidence)
    assert budget_of(needed, alpha, confidence) >= -1e-9
    assert needed == 1 or budget_of(needed - 1, alpha, confidence) < -1e-9


def test_the_p_value_falls_with_the_losses_and_knows_the_binomial():
    values = [p_value(total, 200, 0.1) for total in np.linspace(0, 20, 41)]
    assert values == sorted(values) and values[-1] == 1
    assert p_value(0, 50, 0.05) == pytest.approx(0.95**50)


@pytest.mark.parametrize('risk', ['frames', 'pixels'])
def test_the_risk_never_grows_with_the_threshold(risk):
    rng = np.random.default_rng(3)
    alarms = FalseAlarms(0.02)
    for index in range(30):
        alarms.update(ndimage.gaussian_filter(rng.random((24, 30)), 1.5), index % 12)
    risks = [alarms.risk_at(threshold, risk) for threshold in np.linspace(0, 1, 60)]
    assert np.diff(risks).max() < 1e-12 and risks[0] == pytest.approx(1) and risks[-1] == 0
    thresholds = [alarms.bound(alpha, risk).threshold for alpha in (0.08, 0.2, 0.5, 0.9)]
    assert thresholds == sorted(thresholds, reverse=True) and thresholds[0] > thresholds[-1]


def test_the_pixel_risk_is_counted_as_masks_count():
    rng = np.random.default_rng(4)
    scores = [(rng.random((8, 9)) ** 3).astype(np.float32) for _ in range(12)]
    scores[0][0, 0], scores[1][0, 0] = 0.25, 1.0
    alarms = FalseAlarms()
    blocks = [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    for score, block in zip(scores, blocks):
        alarms.update(score, block)
    for threshold in (0.0, 0.25, 1023 / GRID, 0.75):
        shares = [(score > threshold).mean() for score in scores]
        by_block = [np.mean(shares[:3]), *shares[3:]]
        assert alarms.risk_at(threshold, 'pixels') == pytest.approx(np.mean(by_block))
    bound = alarms.bound(0.2, 'pixels')
    sums = lambda t: 10 * alarms.risk_at(t, 'pixels')  # noqa: E731
    assert sums(bound.threshold) <= 0.2 * 11 - 1 + 1e-9 < sums(bound.threshold - 1 / GRID)
    assert bound.observed == pytest.approx(alarms.risk_at(bound.threshold, 'pixels')) and bound.blocks == 10


@pytest.mark.parametrize('min_pixels', [1, 2, 5, 20])
def test_critical_scores_are_where_regions_end(min_pixels):
    rng = np.random.default_rng(min_pixels)
    for _ in range(10):
        score = np.round(rng.random((7, 8)), 1)  # with ties
        found = critical_score(score, min_pixels)

        def alarms(threshold, score=score):
            labels, number = ndimage.label(score > threshold, np.ones((3, 3)))
            return number > 0 and np.bincount(labels.ravel())[1:].max() >= min_pixels

        assert not alarms(found) and alarms(found - 1e-9)


def test_frames_smaller_than_a_region_never_alarm():
    assert critical_score(np.ones((2, 2)), 5) == -math.inf


def test_ties_count_together():
    values = np.array([0.7, 0.7, 0.7, 0.2])
    assert smallest_threshold(values, np.ones(4), 2.9) == 0.7
    assert smallest_threshold(values, np.ones(4), 3) == 0.2
    assert smallest_threshold(values, np.ones(4), 4) == 0.0


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: needed_blocks(0), r'Expected alpha in \(0, 1\), but got 0'),
        (lambda: budget_of(9, 0.1, 1.0), r'Expected confidence in \(0, 1\), but got 1.0'),
        (lambda: FalseAlarms(1.0), r'Expected min_share in \[0, 1\), but got 1.0'),
        (lambda: FalseAlarms().bound(0.5, 'images'), r"Expected a risk of \['frames', 'pixels'\], but got 'images'"),
        (lambda: FalseAlarms().update(np.full((2, 2), np.nan), 0), 'Expected finite scores in'),
        (lambda: FalseAlarms().update(np.full((2, 2), 1.5), 0), 'Expected finite scores in'),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_sentence_says_what_is_not_promised():
    bound = bound_false_alarms([np.full((4, 4), 0.5)] * 20, range(20), 0.1)
    assert 'at most 10 %' in bound.sentence() and '20 blocks (20 frames)' in bound.sentence()
    assert 'another camera' in bound.to_dict()['promise']
