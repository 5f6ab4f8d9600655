"""Maps whose maximum says something: a probability, or that of a scale."""

from __future__ import annotations

import numpy as np
import torch

from mmwsss.cam.functional import scale_by_max


def scaled_to_maximum(maps: np.ndarray, maximum: np.ndarray) -> np.ndarray:
    """Scale each map to a maximum; a map of zeros stays one.

    Args:
        maps: float32 (n, H, W), not negative.
        maximum: float (n,).

    Returns:
        np.ndarray: float32 (n, H, W).

    >>> scaled_to_maximum(np.array([[[0.1, 0.2]], [[0, 0]]], np.float32), np.array([0.8, 1.0])).round(3).tolist()
    [[[0.4000000059604645, 0.800000011920929]], [[0.0, 0.0]]]
    """
    scaled = scale_by_max(torch.from_numpy(maps)).numpy()
    return scaled * maximum.astype(np.float32)[:, None, None]
