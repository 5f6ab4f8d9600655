"""From scores to a label mask."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.errors import InputError
from mmwsss.utils.strips import row_strips

_TOP_QUANTILE = 0.99  # of an image's scores: the highest few are outliers


def scores_to_mask(
    cam: np.ndarray,
    classes: np.ndarray,
    threshold: float = 0.3,
    ignore_band: tuple[float, float] | None = None,
    bg_exponent: float | None = None,
    band_shares: tuple[float, float] | None = None,
    confidence: float | None = None,
) -> np.ndarray:
    """Label every pixel with its best class, or with background where that class's score is too low.

    Works in strips of rows: beside the maps and the mask it needs no memory to speak of.

    Args:
        cam: float (n, H, W) in [0, 1].
        classes: int64 (n,), ascending indices of the classes of the maps.
        threshold: A pixel is background unless its best score is above it (paper: 0.3).
        ignore_band: (low, high): pixels whose best score is in it get the ignore label; it takes the threshold's place.
        band_shares: Lowers the band for an image whose scores are low; see :func:`image_band`.
        bg_exponent: k: a pixel is background unless its best score is above ``(1 - best) ** k``; takes its place too.
        confidence: Scores are posteriors, that of the background is what is left of 1; a pixel gets its most probable
            label, and the ignore label where that one's posterior is below. Takes its place too.

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
    if ignore_band is not None and band_shares is not None:
        ignore_band = image_band(cam, ignore_band, band_shares)
    low, high = ignore_band or (threshold, threshold)
    for rows in row_strips(height, width):
        best = cam[:, rows].max(0)
        if confidence is not None:
            rest = np.clip(1 - cam[:, rows].sum(0), 0, 1)
            mask[rows] = values[cam[:, rows].argmax(0)] * (best > rest)
            mask[rows][np.maximum(best, rest) < confidence] = IGNORE_LABEL
            continue
        least = high if bg_exponent is None else (1 - np.clip(best, 0, 1)) ** bg_exponent
        mask[rows] = values[cam[:, rows].argmax(0)] * (best > least)
        if ignore_band is not None:
            mask[rows][(best > low) & (best <= high)] = IGNORE_LABEL
    return mask


def image_band(cam: np.ndarray, band: tuple[float, float], shares: tuple[float, float]) -> tuple[float, float]:
    """The ignore band of one image, so that an image known to show a class gets some pixels of it.

    With ``top`` the 99 % quantile of the pixels' best scores, it is ``min(low, low_share * top)`` to
    ``min(high, high_share * top)``: a rule that needs no mask.

    Args:
        cam: float (n, H, W) in [0, 1], n > 0.
        band: (low, high), the widest that it may be.
        shares: (low_share, high_share) of ``top``.

    >>> faint = np.linspace(0, 0.5, 101, dtype=np.float32).reshape(1, 1, 101)
    >>> [round(float(value), 4) for value in image_band(faint, (0.2, 0.5), (0.3, 0.7))]
    [0.1485, 0.3465]
    """
    top = float(np.quantile(cam.max(0), _TOP_QUANTILE))
    return min(band[0], shares[0] * top), min(band[1], shares[1] * top)


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
        band_shares: (low_share, high_share) with 0 <= low_share < high_share <= 1: the band is lowered to these shares
            of each image's own top value where they are lower; see :func:`image_band`. None: one band for all images.
        confidence: In (0, 1]: least posterior of a pixel that is labelled, for scores that are posteriors, as behind a
            :class:`~mmwsss.refine.CRFRefine`: the confidence-guided loss of CLIP-ES (CVPR 2023), whose value is 0.95.

    Raises:
        ValueError: If a value is outside its range, more than one of ``ignore_band``, ``bg_exponent`` and
            ``confidence`` is given, or shares without a band.
    """

    def __init__(
        self,
        threshold: float = 0.3,
        ignore_band: tuple[float, float] | None = None,
        bg_exponent: float | None = None,
        band_shares: tuple[float, float] | None = None,
        confidence: float | None = None,
    ) -> None:
        if not 0 <= threshold <= 1:
            raise InputError(f'Expected threshold in [0, 1], but got {threshold}.')
        if ignore_band is not None and not 0 <= ignore_band[0] < ignore_band[1] <= 1:
            raise InputError(f'Expected ignore_band (low, high) with 0 <= low < high <= 1, but got {ignore_band}.')
        if bg_exponent is not None and (bg_exponent <= 0 or ignore_band is not None):
            raise InputError(f'Expected bg_exponent > 0 and no ignore_band, but got {bg_exponent} and {ignore_band}.')
        if band_shares is not None:
            if ignore_band is None:
                raise InputError(f'Expected ignore_band beside band_shares, but got {band_shares} alone.')
            if not 0 <= band_shares[0] < band_shares[1] <= 1:
                raise InputError(f'Expected band_shares (low, high) with 0 <= low < high <= 1, but got {band_shares}.')
        if confidence is not None and (not 0 < confidence <= 1 or ignore_band is not None or bg_exponent is not None):
            raise InputError(
                f'Expected confidence in (0, 1] and neither ignore_band nor bg_exponent, but got {confidence}, '
                f'{ignore_band} and {bg_exponent}.'
            )
        self.confidence = confidence
        self.threshold, self.ignore_band, self.bg_exponent = threshold, ignore_band, bg_exponent
        self.band_shares = band_shares

    def transform(self, results: dict) -> dict:
        """Cut."""
        results['pred_seg_map'] = scores_to_mask(
            results['cam'],
            results['classes'],
            self.threshold,
            self.ignore_band,
            self.bg_exponent,
            self.band_shares,
            self.confidence,
        )
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(threshold={self.threshold}, ignore_band={self.ignore_band}, '
            f'band_shares={self.band_shares}, bg_exponent={self.bg_exponent}, confidence={self.confidence})'
        )
