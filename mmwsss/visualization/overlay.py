"""Maps and masks laid over pictures."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps

from mmwsss.datasets.metainfo import IGNORE_LABEL, png_palette


def heat_overlay(img: np.ndarray, cam: np.ndarray, opacity: float = 0.55) -> np.ndarray:
    """A map over a picture.

    Args:
        img: uint8 RGB (H, W, 3).
        cam: float (H, W) in [0, 1].
        opacity: Of the heat colours, in [0, 1].

    Returns:
        np.ndarray: uint8 RGB (H, W, 3).
    """
    heat = colormaps['inferno'](np.clip(cam, 0, 1))[..., :3] * 255
    return (img * (1 - opacity) + heat * opacity).round().astype(np.uint8)


def mask_overlay(img: np.ndarray, mask: np.ndarray, opacity: float = 0.5) -> np.ndarray:
    """A label mask over a picture: classes in their colours with a white outline, background left as it is.

    Args:
        img: uint8 RGB (H, W, 3).
        mask: uint8 (H, W), 0 background, k + 1 class k, and the ignore label.
        opacity: Of the colours, in [0, 1].

    Returns:
        np.ndarray: uint8 RGB (H, W, 3).
    """
    table = np.frombuffer(png_palette(IGNORE_LABEL - 1), np.uint8).reshape(256, 3)
    painted = img.astype(np.float32)
    inside = mask > 0
    painted[inside] = painted[inside] * (1 - opacity) + table[mask[inside]].astype(np.float32) * opacity
    edge = np.zeros_like(inside)
    edge[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    edge[1:] |= mask[1:] != mask[:-1]
    painted[edge] = 255
    return painted.round().astype(np.uint8)
