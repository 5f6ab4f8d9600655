"""Class maps of large pictures in overlapping tiles."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mmwsss.utils.errors import InputError
from mmwsss.utils.tiles import ramp, starts


@dataclass(frozen=True)
class MapTiles:
    """How pictures are cut for their class maps.

    The network sees one tile at a time, so its memory does not grow with the picture. Unscaled maps are joined by the
    mean with weights that fall off towards the edges of a tile, where a network sees little of the surroundings; a
    class's score is the highest of all tiles.

    Attributes:
        size: Side of a tile in pixels of the network's input; pictures within it are not cut.
        overlap: Share of a tile that its neighbour covers too, in [0, 0.9].

    Raises:
        ValueError: If a value is out of its range.
    """

    size: int
    overlap: float = 0.25

    def __post_init__(self) -> None:
        if self.size < 16 or not 0 <= self.overlap <= 0.9:
            raise InputError(
                f'Expected tiles of size >= 16 and an overlap in [0, 0.9], but got {self.size} and {self.overlap}.'
            )

    def windows(self, height: int, width: int) -> list[tuple[slice, slice, Tensor, Tensor]]:
        """Rows and columns of every tile, and the weights of either, whose products count; all have one size."""
        sides = [
            [(begin, min(begin + self.size, length), length) for begin in starts(length, self.size, self.overlap)]
            for length in (height, width)
        ]
        reach = self.size * self.overlap
        down, across = ([torch.from_numpy(ramp(*place, reach)) for place in places] for places in sides)
        return [
            (slice(top, bottom), slice(left, right), of_rows, of_columns)
            for (top, bottom, _), of_rows in zip(sides[0], down)
            for (left, right, _), of_columns in zip(sides[1], across)
        ]
