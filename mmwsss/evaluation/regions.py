"""Connected regions of masks, and the thresholds at which they end."""

from __future__ import annotations

import math

import cv2
import numpy as np


def critical_score(score: np.ndarray, min_pixels: int = 1) -> float:
    """The largest t below which a frame alarms: while ``t`` is smaller, some region of ``score > t`` is large enough.

    Masks of higher thresholds lie inside those of lower ones, so that regions only shrink: the search halves the
    sorted scores.

    Args:
        score: float (H, W).
        min_pixels: Smallest region (pixels that touch at a side or a corner) that is an alarm.

    Returns:
        float: ``-inf`` where the frame itself is smaller than that.

    >>> critical_score(np.array([[0.9, 0.1, 0.4], [0.1, 0.1, 0.5]]), 2)
    0.4
    """
    if min_pixels <= 1:
        return float(score.max())
    if score.size < min_pixels:
        return -math.inf
    highest = np.partition(score.ravel(), score.size - min_pixels)[score.size - min_pixels]
    levels = np.unique(score[score <= highest])  # above them there are too few pixels
    low, high = 0, len(levels) - 1  # at levels[0] the whole frame is one region
    while low < high:
        middle = (low + high + 1) // 2
        if largest_region(score >= levels[middle]) >= min_pixels:
            low = middle
        else:
            high = middle - 1
    return float(levels[low])


def largest_region(mask: np.ndarray) -> int:
    """Pixels of the largest region of a bool mask (H, W); 0 where there is none."""
    number, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return int(stats[1:, cv2.CC_STAT_AREA].max()) if number > 1 else 0
