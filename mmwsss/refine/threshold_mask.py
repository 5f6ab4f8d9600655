"""From scores to a label mask."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.registry import TRANSFORMS


def scores_to_mask(cam: np.ndarray, threshold: float, ignore_band: tuple[float, float] | None = None) -> np.ndarray:
    """Label every pixel with its best class, or with background where that class's score is too low.

    Args:
        cam: float (K, H, W) in [0, 1]; zero for classes that the image does not have.
        threshold: A pixel is background unless its best score is above it (paper: 0.3).
        ignore_band: (low, high): pixels whose best score is in it get the ignore label; it takes the threshold's place.

    Returns:
        np.ndarray: uint8 (H, W), 0 background, k + 1 class k.
    """
    best = cam.max(0)
    low, high = ignore_band or (threshold, threshold)
    mask = np.where(best > high, cam.argmax(0) + 1, 0).astype(np.uint8)
    if ignore_band is not None:
        mask[(best > low) & (best <= high)] = IGNORE_LABEL
    return mask


@TRANSFORMS.register_module()
class ThresholdMask(BaseTransform):
    """Cut the scores at a threshold; see :func:`scores_to_mask`.

    Required Keys:

    - cam: float32 (K, H, W) in [0, 1]

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
            raise ValueError(f'Expected threshold in [0, 1], but got {threshold}.')
        if ignore_band is not None and not 0 <= ignore_band[0] < ignore_band[1] <= 1:
            raise ValueError(f'Expected ignore_band (low, high) with 0 <= low < high <= 1, but got {ignore_band}.')
        if bg_exponent is not None and (bg_exponent <= 0 or ignore_band is not None):
            raise ValueError(f'Expected bg_exponent > 0 and no ignore_band, but got {bg_exponent} and {ignore_band}.')
        self.threshold, self.ignore_band, self.bg_exponent = threshold, ignore_band, bg_exponent

    def transform(self, results: dict) -> dict:
        """Cut."""
        cam = results['cam']
        if self.bg_exponent is None:
            results['pred_seg_map'] = scores_to_mask(cam, self.threshold, self.ignore_band)
        else:
            best = cam.max(0)
            background = (1 - np.clip(best, 0, 1)) ** self.bg_exponent
            results['pred_seg_map'] = np.where(best > background, cam.argmax(0) + 1, 0).astype(np.uint8)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(threshold={self.threshold}, ignore_band={self.ignore_band})'
