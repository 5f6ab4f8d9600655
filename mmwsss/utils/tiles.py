"""Where the tiles of a large picture lie, and how much each counts at its pixels."""

from __future__ import annotations

import numpy as np

_LEAST = 1e-3  # weight at a tile's very edge, so that every pixel has some


def starts(length: int, side: int, overlap: float) -> list[int]:
    """Where tiles begin along an axis: evenly spread, the last one ends with the picture.

    >>> starts(6000, 2000, 0.5), starts(480, 512, 0.5)
    ([0, 1000, 2000, 3000, 4000], [0])
    """
    if length <= side:
        return [0]
    step = max(side * (1 - overlap), 1.0)
    number = int(np.ceil((length - side) / step - 1e-9)) + 1
    return np.round(np.linspace(0, length - side, number)).astype(int).tolist()


def ramp(begin: int, end: int, length: int, reach: float) -> np.ndarray:
    """Weights along one axis of a tile: 1 inside, down to nearly 0 at edges that lie inside the picture.

    Args:
        begin: Where the tile begins.
        end: Where it ends.
        length: Of the picture.
        reach: Pixels over which the weight rises.

    Returns:
        np.ndarray: float32 (end - begin,), in (0, 1].
    """
    place = np.arange(begin, end, dtype=np.float32) + 0.5
    weight = np.ones(end - begin, np.float32)
    for distance, is_inner in ((place - begin, begin > 0), (end - place, end < length)):
        if is_inner and reach > 0:
            weight = np.minimum(weight, distance / reach)
    return np.maximum(weight, _LEAST)
