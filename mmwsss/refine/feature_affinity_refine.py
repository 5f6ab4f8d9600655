"""Maps spread over what a network's features hold to be alike, without any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmwsss.models.affinity.patch_affinity import patch_affinity, propagate, transition_matrix
from mmwsss.refine.picture_features import PictureFeatures
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.errors import InputError


@TRANSFORMS.register_module()
class FeatureAffinityRefine(BaseTransform):
    r"""Spread the maps over patches with like features of a frozen backbone.

    The affinity of two patches is :math:`\max(\cos - \tau, 0)^\beta`; rows that sum to one make P of it, and the maps
    go :math:`M \leftarrow (1 - \alpha) M_0 + \alpha P M`. Walks over features of networks that were trained without
    these labels are in TokenCut (Wang et al., CVPR 2022), LPOSS (Stojnic et al., CVPR 2025) and CLIP-ES (Lin et al.,
    CVPR 2023), each with its own affinity; see :func:`~mmwsss.models.affinity.patch_affinity.patch_affinity`.

    Every value becomes a mean, so a threshold on the maps means the same before and after; a peak that nothing supports
    sinks. The picture is scaled to ``max_side``, so memory does not grow with it.

    Required Keys:

    - img: uint8 BGR (H, W, 3)
    - cam: float32 (n, H, W) in [0, 1]
    - classes: int64 (n,), the classes of the maps

    Modified Keys:

    - cam: float32 (n, H, W) in [0, 1]

    Args:
        backbone: Config of a backbone whose last map has the features; or
        checkpoint: a classifier of the project whose backbone has them.
        mean: Of the RGB values in [0, 255], for ``backbone``; None: its own, where it says so, else ImageNet's.
        std: Of the RGB values, for ``backbone``.
        max_side: Longer side of the picture that the backbone sees.
        size_divisor: Both sides are rounded to multiples of it; None: the backbone's patch size, else 16.
        threshold: :math:`\tau`.
        exponent: :math:`\beta`.
        center: Subtract the picture's mean feature first: for networks whose features end in a ReLU.
        balance: Rounds of Sinkhorn's balancing; see :func:`~mmwsss.models.affinity.patch_affinity.transition_matrix`.
        alpha: :math:`\alpha`.
        num_steps: Steps of the walk.

    Raises:
        FileNotFoundError: If weights are missing.
        ValueError: If an argument is out of range, or not exactly one of backbone and checkpoint is given.
    """

    def __init__(
        self,
        backbone: Mapping[str, Any] | None = None,
        checkpoint: str | Path | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        max_side: int = 448,
        size_divisor: int | None = None,
        threshold: float = 0.1,
        exponent: float = 4.0,
        center: bool = True,
        balance: int = 0,
        alpha: float = 0.9,
        num_steps: int = 10,
    ) -> None:
        if not -1 <= threshold < 1 or exponent <= 0:
            raise InputError(f'Expected threshold in [-1, 1) and exponent > 0, but got {threshold} and {exponent}.')
        if not 0 <= alpha <= 1 or num_steps < 1 or balance < 0:
            raise InputError(
                f'Expected alpha in [0, 1], num_steps >= 1 and balance >= 0, but got {alpha}, {num_steps}, {balance}.'
            )
        self.threshold, self.exponent, self.center = threshold, exponent, center
        self.balance, self.alpha, self.num_steps = balance, alpha, num_steps
        self.features = PictureFeatures(type(self).__name__, backbone, checkpoint, mean, std, max_side, size_divisor)

    @property
    def cpu_bound(self) -> bool:
        """Whether it keeps a core busy."""
        return self.features.device == 'cpu'

    def transform(self, results: dict) -> dict:
        """Refine."""
        img, cam = results['img'], results['cam']
        if img.shape[:2] != cam.shape[1:]:
            raise ValueError(f'Expected img and cam of one size, but got {img.shape[:2]} and {cam.shape[1:]}.')
        if not len(cam):
            return results
        feature = self.features(img)
        grid = (feature.shape[2], feature.shape[1])  # OpenCV's order
        small = np.stack([cv2.resize(of_class, grid, interpolation=cv2.INTER_AREA) for of_class in cam])
        affinity = patch_affinity(feature, self.threshold, self.exponent, self.center)
        transition = transition_matrix(affinity, self.balance)
        spread = propagate(torch.from_numpy(small), transition, self.alpha, self.num_steps).cpu().numpy()
        refined = np.empty_like(cam)
        for number, of_class in enumerate(spread):
            refined[number] = cv2.resize(of_class, img.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        results['cam'] = refined
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(threshold={self.threshold}, exponent={self.exponent}, alpha={self.alpha}, '
            f'num_steps={self.num_steps})'
        )
