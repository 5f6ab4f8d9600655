"""How good a mask looks to the network that made it: no ground truth."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mmwsss.utils.errors import InputError


def expected_dice(mask: np.ndarray, maps: Sequence[tuple[int, np.ndarray]]) -> float:
    r"""The Dice coefficient that a mask has by the network's own probabilities, mean over the classes of the maps.

    For a class whose pixels of the mask are :math:`M` and whose probabilities are :math:`p_i` it is

    .. math:: \frac{2 \sum_{i \in M} p_i}{|M| + \sum_i p_i} ,

    the ratio of expectations that stands for the expected Dice coefficient (Lipton, Elkan and Narayanaswamy, "Optimal
    thresholding of classifiers to maximize F1 measure", 2014). Low values are masks to look at first: the network saw
    much that the mask lacks, or is not sure of what the mask shows. A mask in which a class of the image's label is
    missing has 0 for it.

    Args:
        mask: uint8 (H, W): 0 background, ``k + 1`` class k, and the ignore label, which belongs to no class.
        maps: Pairs of a pixel value and a map, float (h, w) in [0, 1], of the classes of the image's label; a map of
            another size is resized to the mask's.

    Returns:
        float: in [0, 1].

    Raises:
        ValueError: If there is no map.

    >>> expected_dice(np.array([[1, 1, 0, 0]], np.uint8), [(1, np.array([[1.0, 0.5, 0.5, 0.0]]))])
    0.75
    """
    if not maps:
        raise InputError('Expected a map for each class of the mask, but got none.')
    values = []
    for value, probability in maps:
        if probability.shape != mask.shape:
            probability = cv2.resize(probability, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
        inside = mask == value
        total = float(probability.sum(dtype=np.float64)) + int(inside.sum())
        hit = 2 * float(probability[inside].sum(dtype=np.float64))
        values.append(hit / total if total else 0.0)
    return float(np.mean(values))
