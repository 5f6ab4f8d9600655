"""COCO's three ways to write a mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmwsss.utils.dependencies import require


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
        ValueError: If a run-length code has another size.
    """
    coder = require('pycocotools.mask', 'the COCO reader')
    if not isinstance(segmentation, Mapping):
        polygons = [polygon for polygon in segmentation if len(polygon) >= 6]
        if not polygons:
            return None
        code = coder.merge(coder.frPyObjects(polygons, height, width))
    elif isinstance(segmentation['counts'], list):
        code = coder.frPyObjects(segmentation, height, width)
    else:
        code = segmentation
    mask = coder.decode(code).astype(bool)
    if mask.shape != (height, width):
        raise ValueError(f'Expected a mask of {(height, width)} (H, W), but got {mask.shape}.')
    return mask
