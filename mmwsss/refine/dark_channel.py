"""The dark-channel prior: in haze and smoke no colour channel is dark."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmwsss.registry import TRANSFORMS
from mmwsss.utils.errors import InputError


def dark_channel(img: np.ndarray, patch: int = 15) -> np.ndarray:
    """The darkest colour in the neighbourhood of every pixel (He et al., CVPR 2009, eq. 5).

    Args:
        img: uint8 (H, W, 3), any order of colours.
        patch: Side of the square neighbourhood, odd.

    Returns:
        np.ndarray: float32 (H, W) in [0, 1].

    Raises:
        ValueError: If the patch is not odd and positive.
    """
    if patch < 1 or patch % 2 == 0:
        raise InputError(f'Expected an odd patch, but got {patch}.')
    darkest = img.min(2)
    return cv2.erode(darkest, np.ones((patch, patch), np.uint8)).astype(np.float32) / 255


def dark_channel_ratio(cam: np.ndarray, img: np.ndarray, patch: int = 15) -> float | None:
    """Mean dark channel weighted by a map, divided by the picture's mean.

    A diagnostic: above 1 the map prefers what looks hazy (smoke, but clouds and snow as well), 1 is no preference.

    Args:
        cam: float (H, W), non-negative.
        img: uint8 (H, W, 3).
        patch: See :func:`dark_channel`.

    Returns:
        None where the map is empty or the picture is black.
    """
    dark = dark_channel(img, patch)
    if cam.sum() <= 0 or dark.mean() <= 0:
        return None
    return float((cam * dark).sum() / cam.sum() / dark.mean())


@TRANSFORMS.register_module()
class DarkChannelRefine(BaseTransform):
    """Lower the maps where some colour is dark: ``cam * (1 - w + w * dark / max dark)``.

    Required Keys:

    - img: uint8 BGR (H, W, 3)
    - cam: float32 (n, H, W) in [0, 1]

    Modified Keys:

    - cam: float32 (n, H, W) in [0, 1]

    Args:
        weight: w in [0, 1].
        patch: See :func:`dark_channel`.

    Raises:
        ValueError: If an argument is out of range.
    """

    cpu_bound = True

    def __init__(self, weight: float = 0.5, patch: int = 15) -> None:
        if not 0 <= weight <= 1:
            raise InputError(f'Expected weight in [0, 1], but got {weight}.')
        dark_channel(np.zeros((1, 1, 3), np.uint8), patch)
        self.weight, self.patch = weight, patch

    def transform(self, results: dict) -> dict:
        """Refine."""
        dark = dark_channel(results['img'], self.patch)
        if results['cam'].shape[1:] != dark.shape:
            raise ValueError(f'Expected img and cam of one size, but got {dark.shape} and {results["cam"].shape[1:]}.')
        dark = dark / max(float(dark.max()), 1e-7)
        results['cam'] = results['cam'] * (1 - self.weight + self.weight * dark)  # one factor for all classes
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(weight={self.weight}, patch={self.patch})'
