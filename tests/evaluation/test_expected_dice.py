"""A mask's Dice coefficient by the network's own probabilities."""

import numpy as np
import pytest

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.evaluation import expected_dice


def test_it_is_dice_where_the_network_is_sure():
    rng = np.random.default_rng(0)
    mask, truth = (rng.random((2, 9, 7)) < 0.4).astype(np.uint8)
    dice = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    assert expected_dice(mask, [(1, truth.astype(np.float32))]) == pytest.approx(dice)


def test_it_is_near_the_mean_over_masks_drawn_from_the_probabilities():
    rng = np.random.default_rng(1)
    probability = rng.random((40, 50)).astype(np.float32)
    mask = (probability > 0.4).astype(np.uint8)
    drawn = rng.random((300, 40, 50)) < probability
    dice = 2 * (drawn & (mask == 1)).sum((1, 2)) / (mask.sum() + drawn.sum((1, 2)))
    assert expected_dice(mask, [(1, probability)]) == pytest.approx(dice.mean(), abs=0.002)


def test_classes_count_alike_and_ignored_pixels_to_none():
    first, second = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32)
    first[0], second[3] = 1, 1
    mask = np.zeros((4, 4), np.uint8)
    mask[0], mask[3] = 1, IGNORE_LABEL
    assert expected_dice(mask, [(1, first)]) == 1
    assert expected_dice(mask, [(1, first), (2, second)]) == 0.5
    assert expected_dice(mask, [(2, np.zeros((4, 4), np.float32))]) == 0


def test_a_map_of_another_size_is_resized():
    mask = np.zeros((8, 12), np.uint8)
    mask[:, :6] = 1
    small = np.zeros((4, 6), np.float32)
    small[:, :3] = 1
    assert expected_dice(mask, [(1, small)]) > 0.9
    with pytest.raises(ValueError, match='Expected a map for each class of the mask, but got none'):
        expected_dice(mask, [])
