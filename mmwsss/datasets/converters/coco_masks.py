"""COCO's three ways to write a mask."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmwsss.structures.run_lengths import decode_run_lengths
from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError

_FARTHEST = 10
"""Times the longer side that a corner may lie from the upper left one; pycocotools needs memory for every pixel of an
outline, and ends the process where a corner is farther than an integer holds, or is no number."""


def decode_segmentation(
    segmentation: Sequence[Sequence[float]] | Mapping[str, Any], height: int, width: int
) -> np.ndarray | None:
    """Polygons, or a compressed or plain run-length code, as a mask bool (H, W).

    Args:
        segmentation: Of a COCO annotation; polygons of fewer than three points are passed over.
        height: H.
        width: W.

    Returns:
        None where no polygon is left.

    Raises:
        ValueError: If a run-length code is of another size or broken, or a polygon is.
    """
    if isinstance(segmentation, Mapping):
        return decode_run_lengths(segmentation, height, width)
    if not isinstance(segmentation, (list, tuple)):
        raise InputError(f'Expected polygons or run lengths, but got {str(segmentation)[:60]!r}.')
    polygons = [_corners(polygon, height, width) for polygon in segmentation]
    polygons = [polygon for polygon in polygons if len(polygon) >= 6]
    if not polygons:
        return None
    coder = require('pycocotools.mask', 'the COCO reader')
    return coder.decode(coder.merge(coder.frPyObjects(polygons, height, width))).astype(bool)


def _corners(polygon: Any, height: int, width: int) -> list[float]:
    """x, y, x, y, ... of a polygon, checked."""
    if not isinstance(polygon, (list, tuple)) or len(polygon) % 2:
        raise InputError(f'Expected a polygon as x, y, x, y, ..., but got {str(polygon)[:60]!r}.')
    farthest = _FARTHEST * max(height, width)
    for value in polygon:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise InputError(f'Expected numbers as corners of a polygon, but got {value!r}.')
        if abs(value) > farthest:
            raise InputError(f'Expected corners of a polygon within {farthest} pixels, but got {value!r}.')
    return [float(value) for value in polygon]
