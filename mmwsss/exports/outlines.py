"""Masks as outlines along the edges of their pixels, and back, without loss.

A pixel (x, y) is the square from x to x + 1 and from y to y + 1, and outlines run along integer corners. Tracing
through the centres of pixels, as ``cv2.findContours`` does, loses half a pixel all around and every region of one or
two pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))  # right, down, left, up


@dataclass
class Region:
    """A connected region (neighbours share an edge).

    Attributes:
        outer: float64 (n, 2), corners (x, y) in pixels, clockwise on the screen.
        holes: The same of each hole, anticlockwise.
    """

    outer: np.ndarray
    holes: list[np.ndarray] = field(default_factory=list)

    @property
    def rings(self) -> list[np.ndarray]:
        """The outer ring and the holes."""
        return [self.outer, *self.holes]


def trace(mask: np.ndarray, tolerance: float = 0.0) -> list[Region]:
    """Outlines of the regions of a mask.

    Args:
        mask: bool (H, W).
        tolerance: How far, in pixels, a simplified outline may lie from the true one; 0 keeps every corner.

    Returns:
        list[Region]: in the order of their first pixel. Without a tolerance :func:`fill` gives the mask back exactly.
    """
    inside = np.asarray(mask, bool)
    _, numbers = cv2.connectedComponents(inside.astype(np.uint8), connectivity=4)
    outers: dict[int, np.ndarray] = {}
    holes: dict[int, list[np.ndarray]] = {}
    for ring, (x, y) in _rings(inside):
        number = int(numbers[y, x])
        simplified = _simplify(ring, tolerance)
        if signed_area(ring) > 0:
            outers[number] = simplified
        else:
            holes.setdefault(number, []).append(simplified)
    return [Region(outer, holes.get(number, [])) for number, outer in outers.items()]


def _rings(inside: np.ndarray) -> list[tuple[np.ndarray, tuple[int, int]]]:
    """Closed rings of corners, each with a pixel of its region."""
    height, width = inside.shape
    padded = np.pad(inside, 1)
    here = padded[1:-1, 1:-1]
    leaves = np.zeros((4, height + 1, width + 1), bool)  # whether an edge leaves a corner in each direction
    leaves[0, :height, :width] = here & ~padded[:-2, 1:-1]  # along the top of a pixel, to the right
    leaves[1, :height, 1:] = here & ~padded[1:-1, 2:]
    leaves[2, 1:, 1:] = here & ~padded[2:, 1:-1]
    leaves[3, 1:, :width] = here & ~padded[1:-1, :-2]
    rings = []
    for y, x in np.argwhere(leaves[0]).tolist():
        if leaves[0, y, x]:
            rings.append((_walk(leaves, x, y), (x, y)))
    return rings


def _walk(leaves: np.ndarray, x: int, y: int) -> np.ndarray:
    """Follow edges from a corner until they close, erasing them; turning right keeps diagonal neighbours apart."""
    corners = []
    direction, start = 0, (x, y)
    previous = -1
    while True:
        leaves[direction, y, x] = False
        if direction != previous:  # straight on adds no corner
            corners.append((x, y))
        previous = direction
        x, y = x + _STEPS[direction][0], y + _STEPS[direction][1]
        for turn in ((direction + 1) % 4, direction, (direction + 3) % 4):
            if turn == 0 and (x, y) == start:
                return np.array(corners, np.float64)
            if leaves[turn, y, x]:
                direction = turn
                break


def _simplify(ring: np.ndarray, tolerance: float) -> np.ndarray:
    if tolerance <= 0:
        return ring
    simple = cv2.approxPolyDP(ring.astype(np.float32)[:, None], tolerance, True)[:, 0].astype(np.float64)
    return simple if len(simple) > 2 and signed_area(simple) * signed_area(ring) > 0 else ring


def signed_area(ring: np.ndarray) -> float:
    """Area of a ring in pixels, positive where it runs clockwise on the screen."""
    x, y = ring.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def fill(rings: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """The pixels whose centres lie inside an odd number of rings.

    Args:
        rings: Each (n, 2), corners (x, y) in pixels, in any direction; parts outside the picture are cut off.
        size: Height and width.

    Returns:
        np.ndarray: bool (H, W).
    """
    height, width = size
    crossings = np.zeros((height, width + 1), np.uint8)
    for ring in rings:
        ring = np.asarray(ring, np.float64).reshape(-1, 2)
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0)):
            if y0 > y1:  # the same arithmetic in both directions, so that an edge walked twice cancels itself
                x0, y0, x1, y1 = x1, y1, x0, y0
            first, last = max(int(np.ceil(y0 - 0.5)), 0), min(int(np.ceil(y1 - 0.5)), height)
            if first < last:
                rows = np.arange(first, last)
                x = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
                crossings[rows, np.clip(np.ceil(x - 0.5), 0, width).astype(int)] ^= 1
    return np.bitwise_xor.accumulate(crossings, axis=1)[:, :width].astype(bool)


def bridged(region: Region) -> np.ndarray:
    """One ring for a region with holes, for formats that know single rings only.

    A hole hangs on a bridge to the nearest corner of what is there already. The bridge is walked both ways and has no
    width: readers that sample the centres of pixels, and pycocotools, get the region back with its holes.

    Returns:
        np.ndarray: float64 (n, 2).
    """
    ring = region.outer
    for hole in region.holes:
        distances = ((ring[:, None] - hole[None]) ** 2).sum(-1)
        at, begin = np.unravel_index(int(distances.argmin()), distances.shape)
        loop = np.roll(hole, -begin, axis=0)
        ring = np.concatenate([ring[: at + 1], loop, loop[:1], ring[at:]])
    return ring
