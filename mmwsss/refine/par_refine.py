"""Pixel-adaptive refinement of the maps."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmwsss.models.affinity.pixel_adaptive import DILATIONS, PixelAdaptiveRefinement
from mmwsss.refine.maximum import scaled_to_maximum
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.errors import InputError


@TRANSFORMS.register_module()
class PARRefine(BaseTransform):
    """Average the maps over neighbours of like colour (PAR of AFA: Ru et al., CVPR 2022).

    The same arithmetic runs inside training:
    :class:`~mmwsss.models.affinity.pixel_adaptive.PixelAdaptiveRefinement`. It has no unary term that could hold a map
    where it was, and it knows neither a background nor other classes: a threshold on the maps means the same before and
    after. Distances are in pixels, so results depend on the size.

    Required Keys:

    - img: uint8 BGR (H, W, 3)
    - cam: float32 (n, H, W) in [0, 1]
    - classes: int64 (n,), the classes of the maps

    Modified Keys:

    - cam: float32 (n, H, W) in [0, 1]

    Args:
        num_iters: Rounds.
        dilations: Distances of the neighbours in pixels.
        max_side: Run on a picture shrunk to this longer side and resize the maps back; None keeps the size, and takes
            some 400 bytes a pixel.
        keep_maximum: Scale each refined map to the maximum that it had: a peak sinks in the average, that of a small
            object most.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        num_iters: int = 10,
        dilations: Sequence[int] = DILATIONS,
        max_side: int | None = 512,
        keep_maximum: bool = False,
    ) -> None:
        if max_side is not None and max_side < 1:
            raise InputError(f'Expected max_side >= 1 or None, but got {max_side}.')
        self.max_side, self.keep_maximum = max_side, keep_maximum
        self.device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.refinement = PixelAdaptiveRefinement(num_iters, dilations)

    @property
    def cpu_bound(self) -> bool:
        """Whether it keeps a core busy."""
        return self.device == 'cpu'

    @torch.no_grad()
    def transform(self, results: dict) -> dict:
        """Refine."""
        img, cam = results['img'], results['cam']
        if img.shape[:2] != cam.shape[1:]:
            raise ValueError(f'Expected img and cam of one size, but got {img.shape[:2]} and {cam.shape[1:]}.')
        if not len(cam):
            return results
        maximum = cam.max((1, 2))
        height, width = img.shape[:2]
        shrink = 1.0 if self.max_side is None else min(1.0, self.max_side / max(height, width))
        size = (max(round(width * shrink), 1), max(round(height * shrink), 1))
        if shrink < 1:
            img = cv2.resize(img, size, interpolation=cv2.INTER_AREA)
            cam = np.stack([cv2.resize(of_class, size, interpolation=cv2.INTER_AREA) for of_class in cam])
        images, maps = (
            torch.from_numpy(np.ascontiguousarray(array)).to(self.device)[None]
            for array in (img.transpose(2, 0, 1), cam)
        )
        refined = self.refinement(images, maps)[0].cpu().numpy()
        if shrink < 1:
            refined = np.stack([cv2.resize(m, (width, height), interpolation=cv2.INTER_LINEAR) for m in refined])
        if self.keep_maximum:
            refined = scaled_to_maximum(refined, maximum)
        results['cam'] = refined
        return results

    def __repr__(self) -> str:
        inside = f'{self.refinement.extra_repr()}, max_side={self.max_side}, keep_maximum={self.keep_maximum}'
        return f'{type(self).__name__}({inside})'
