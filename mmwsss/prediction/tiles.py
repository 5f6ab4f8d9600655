"""Large pictures in overlapping tiles, whose scores are joined before a label is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmwsss.utils.errors import InputError
from mmwsss.utils.tiles import ramp, starts

_WIDE = 2.0  # longer over shorter side, from which on a picture is a panorama

Tile = tuple[slice, slice]


@dataclass(frozen=True)
class Tiling:
    """How large pictures are seen, and cut.

    A network is made for pictures of one size, its input. The unit says how many pixels of a large picture are made
    that size, and so at which scale things are seen: with a unit as high as the panorama, as in a photograph of that
    height. A tile spans several units, for what a network sees at the edge of a tile is not what it sees inside: the
    larger the tiles, the less of it.

    Attributes:
        size: The unit, in pixels of the picture; None takes the shorter side of panoramas (more than twice as long as
            high) and leaves other pictures whole; 0 leaves all whole.
        overlap: Share of a tile that its neighbour covers too, in [0, 0.9].
        span: Side of a tile in units; memory grows with its square.

    Raises:
        ValueError: If a value is out of its range.
    """

    size: int | None = None
    overlap: float = 0.25
    span: int = 3

    def __post_init__(self) -> None:
        if self.size is not None and self.size != 0 and self.size < 16:
            raise InputError(f'Expected tiles of at least 16 pixels, or 0 for none, but got {self.size}.')
        if not 0 <= self.overlap <= 0.9:
            raise InputError(f'Expected an overlap of tiles in [0, 0.9], but got {self.overlap}.')
        if self.span < 1:
            raise InputError(f'Expected a span of tiles >= 1, but got {self.span}.')

    def unit(self, shape: tuple[int, int]) -> int | None:
        """The unit for a picture (height, width); None for a picture that goes through the network as it is.

        >>> Tiling().unit((2000, 6000)), Tiling().unit((480, 640)), Tiling(512).unit((480, 640)), Tiling(0).unit((1, 9))
        (2000, None, 512, None)
        """
        longer, shorter = max(shape), min(shape)
        if self.size is None:
            return shorter if longer > _WIDE * shorter else None
        return self.size if 0 < self.size < longer else None


def predict_tiles(
    img: np.ndarray,
    side: int,
    overlap: float,
    scores_of: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]],
    batch_size: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of a large picture; no more than a row of tiles' scores is held.

    Args:
        img: uint8 BGR (H, W, 3).
        side: Of the tiles.
        overlap: Share of a tile that its neighbour covers too.
        scores_of: From pictures to probabilities, float32 (C, h, w) each, background first.
        batch_size: Tiles at a time.

    Returns:
        tuple: uint8 (H, W), the class of the highest joined probability; float32 (H, W), that probability.
    """
    height, width = img.shape[:2]
    rows, columns = starts(height, side, overlap), starts(width, side, overlap)
    reach = side * overlap
    across = [ramp(x, min(x + side, width), width, reach) for x in columns]
    label, score = np.zeros((height, width), np.uint8), np.zeros((height, width), np.float32)
    total = weights = None
    for number, y in enumerate(rows):
        bottom = min(y + side, height)
        down = ramp(y, bottom, height, reach)
        for x, weight, scores in _scores(img, [(slice(y, bottom), x) for x in columns], side, scores_of, batch_size):
            tile_weight = down[:, None] * across[weight]
            if total is None or weights is None:
                total = np.zeros((scores.shape[0], min(side, height), width), np.float32)
                weights = np.zeros(total.shape[1:], np.float32)
            total[:, : bottom - y, x : x + scores.shape[2]] += scores * tile_weight
            weights[: bottom - y, x : x + scores.shape[2]] += tile_weight
        if total is None or weights is None:
            break
        done = (rows[number + 1] if number + 1 < len(rows) else bottom) - y  # rows that no further tile reaches
        finished = total[:, :done]
        label[y : y + done] = finished.argmax(0)
        score[y : y + done] = finished.max(0) / weights[:done]
        total[:, : total.shape[1] - done] = total[:, done:].copy()
        total[:, total.shape[1] - done :] = 0
        weights[: len(weights) - done] = weights[done:].copy()
        weights[len(weights) - done :] = 0
    return label, score


def _scores(
    img: np.ndarray,
    tiles: Sequence[tuple[slice, int]],
    side: int,
    scores_of: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]],
    batch_size: int,
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Where a tile begins, its number in the row, and its scores."""
    for start in range(0, len(tiles), batch_size):
        batch = tiles[start : start + batch_size]
        pictures = [np.ascontiguousarray(img[rows, x : x + side]) for rows, x in batch]
        for number, ((_, x), scores) in enumerate(zip(batch, scores_of(pictures)), start):
            yield x, number, scores
