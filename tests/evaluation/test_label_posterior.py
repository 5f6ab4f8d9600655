"""Cuts that image labels choose."""

import numpy as np
import pytest

from mmwsss.evaluation import LabelPosterior


def draw(share, images, rng):
    """Scores of images of which a share shows the class: Beta(5, 2) there, Beta(1, 6) elsewhere."""
    shown = rng.random((images, 4000)) < share
    return np.where(shown, rng.beta(5, 2, shown.shape), rng.beta(1, 6, shown.shape)), shown


def test_share_and_posterior_are_the_true_ones():
    rng = np.random.default_rng(0)
    labels = LabelPosterior()
    scores, shown = draw(0.15, 100, rng)
    for image in scores:
        labels.update(image, True)
    for image in draw(0.0, 100, rng)[0]:
        labels.update(image, False)
    assert labels.images == [100, 100]
    assert labels.share == pytest.approx(0.15, abs=0.01)
    posterior = labels.posterior()
    assert (np.diff(posterior) >= 0).all() and posterior[0] == 0
    for probability in (0.2, 0.5, 0.8):
        cut = labels.cut(probability)
        near = np.abs(scores - cut) < 0.03
        assert shown[near].mean() == pytest.approx(probability, abs=0.1)
    best = max(np.arange(1, 20) / 20, key=lambda t: ((scores > t) & shown).sum() / ((scores > t) | shown).sum())
    assert labels.cut(0.5) == pytest.approx(best, abs=0.08)


def test_scores_that_say_nothing_leave_nothing():
    labels = LabelPosterior()
    rng = np.random.default_rng(1)
    for shows in (True, False):
        labels.update(rng.random(100_000), shows)
    assert labels.share < 0.05 and labels.cut(0.5) == 1.0


def test_both_kinds_of_images_are_needed():
    labels = LabelPosterior()
    labels.update(np.array([0.2, 0.9]), True)
    with pytest.raises(ValueError, match='Expected images with the class and images without it, but got 1 with and 0'):
        labels.cut(0.5)
