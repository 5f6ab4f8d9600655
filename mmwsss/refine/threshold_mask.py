"""From scores to a label mask."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.errors import InputError
from mmwsss.utils.strips import row_strips


def scores_to_mask(
    cam: np.ndarray,
    classes: np.ndarray,
    threshold: float = 0.3,
    ignore_band: tuple[float, float] | None = None,
    bg_exponent: float | None = None,
) -> np.ndarray:
    """Label every pixel with its best class, or with background where that class's score is too low.

    Works in strips of rows: beside the maps and the mask it needs no memory to speak of.

    Args:
        cam: float (n, H, W) in [0, 1].
        classes: int64 (n,), ascending indices of the classes of the maps.
        threshold: A pixel is background unless its best score is above it (paper: 0.3).
        ignore_band: (low, high): pixels whose best score is in it get the ignore label; it takes the threshold's place.
        bg_exponent: k: a pixel is background unless its best score is above ``(1 - best) ** k``; takes its place too.

    Returns:
        np.ndarray: uint8 (H, W), 0 background, k + 1 class k.

    Raises:
        ValueError: If maps and classes differ in number.
    """
    classes = np.asarray(classes)
    if cam.ndim != 3 or classes.shape != cam.shape[:1]:
        raise ValueError(f'Expected maps (n, H, W) and n classes, but got {cam.shape} and {classes.shape}.')
    height, width = cam.shape[1:]
    mask = np.zeros((height, width), np.uint8)
    if not len(classes):
        return mask
    values = (classes + 1).astype(np.uint8)
    low, high = ignore_band or (threshold, threshold)
    for rows in row_strips(height, width):
        best = cam[:, rows].max(0)
        least = high if bg_exponent is None else (1 - np.clip(best, 0, 1)) ** bg_exponent
        mask[rows] = values[cam[:, rows].argmax(0)] * (best > least)
        if ignore_band is not None:
            mask[rows][(best > low) & (best <= high)] = IGNORE_LABEL
    return mask


@TRANSFORMS.register_module()
class ThresholdMask(BaseTransform):
    """Cut the scores at a threshold; see :func:`scores_to_mask`.

    Required Keys:

    - cam: float32 (n, H, W) in [0, 1]
    - classes: int64 (n,), the classes of the maps

    Added Keys:

    - pred_seg_map: uint8 (H, W), 0 background, k + 1 class k, and the ignore label

    With ``bg_exponent`` k the background's score is ``(1 - max cam) ** k`` as in the CRF's conventions, and a pixel is
    background where no class scores higher; ``threshold`` is then not used.

    Args:
        threshold: In [0, 1].
        ignore_band: (low, high) with 0 <= low < high <= 1, or None.
        bg_exponent: k > 0, or None for the threshold.

    Raises:
        ValueError: If a value is outside its range, or both ``ignore_band`` and ``bg_exponent`` are given.
    """

    def __init__(
        self,
        threshold: float = 0.3,
        ignore_band: tuple[float, float] | None = None,
        bg_exponent: float | None = None,
    ) -> None:
        if not 0 <= threshold <= 1:
            raise InputError(f'Expected threshold in [0, 1], but got {threshold}.')
        if ignore_band is not None and not 0 <= ignore_band[0] < ignore_band[1] <= 1:
            raise InputError(f'Expected ignore_band (low, high) with 0 <= low < high <= 1, but got {ignore_band}.')
        if bg_exponent is not None and (bg_exponent <= 0 or ignore_band is not None):
            raise InputError(f'Expected bg_exponent > 0 and no ignore_band, but got {bg_exponent} and {ignore_band}.')
        self.threshold, self.ignore_band, self.bg_exponent = threshold, ignore_band, bg_exponent

    def transform(self, results: dict) -> dict:
        """Cut."""
        results['pred_seg_map'] = scores_to_mask(
            results['cam'], results['classes'], self.threshold, self.ignore_band, self.bg_exponent
        )
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(threshold={self.threshold}, ignore_band={self.ignore_band})'
