"""Pixel labels from class maps during training: what two thresholds agree on."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError


def two_threshold_labels(
    images: Tensor,
    maps: Tensor,
    present: Tensor,
    low: float,
    high: float,
    refine: Callable[[Tensor, Tensor], Tensor],
    shrink: int = 2,
) -> Tensor:
    r"""Labels of the pixels whose class does not depend on the threshold (AFA: Ru et al., CVPR 2022, section 3.3).

    For each threshold :math:`\beta` the background's constant map :math:`\beta` and the maps of the classes that are
    there go through a softmax over classes and the refinement, at a smaller size; every pixel gets the best of them.
    A class that the high threshold gives is the label; background is where both give background; the rest is ignored.

    Args:
        images: (B, 3, H, W), for the refinement.
        maps: (B, K, H, W) in [0, 1].
        present: bool (B, K), the classes of the images' labels. An image without any is all background.
        low: The smaller :math:`\beta`.
        high: The larger one.
        refine: From images (B, 3, h, w) and maps (B, C, h, w) to refined maps.
        shrink: Factor by which images and maps are made smaller for the refinement.

    Returns:
        Tensor: int64 (B, H, W), 0 background, k + 1 class k, and the ignore label.

    Raises:
        ValueError: If the sizes do not fit.
    """
    if maps.ndim != 4 or images.shape[2:] != maps.shape[2:] or present.shape != maps.shape[:2]:
        raise ValueError(
            f'Expected images (B, 3, H, W), maps (B, K, H, W) and present (B, K), but got {tuple(images.shape)}, '
            f'{tuple(maps.shape)} and {tuple(present.shape)}.'
        )
    labels = torch.zeros((len(maps), *maps.shape[2:]), dtype=torch.long, device=maps.device)
    images_with = present.any(1).nonzero()[:, 0]
    if not len(images_with):
        return labels
    classes = present.any(0).nonzero()[:, 0]  # of the whole batch: others cost nothing
    size = tuple(maps.shape[2:])
    small = tuple(max(side // shrink, 1) for side in size)
    of_images = F.interpolate(images[images_with].float(), small, mode='bilinear', align_corners=False)
    chosen = maps[images_with][:, classes].float()
    scores = F.interpolate(chosen, small, mode='bilinear', align_corners=False)
    scores = scores.masked_fill(~present[images_with][:, classes, None, None], -torch.inf)
    stacks = [torch.cat([torch.full_like(scores[:, :1], beta), scores], 1).softmax(1) for beta in (low, high)]
    refined = F.interpolate(refine(of_images, torch.cat(stacks, 1)), size, mode='bilinear', align_corners=False)
    values = torch.cat([classes.new_zeros(1), classes + 1])
    at_low, at_high = (values[part.argmax(1)] for part in refined.chunk(2, 1))
    background = (at_low == 0) & (at_high == 0)
    labels[images_with] = torch.where(background | (at_high > 0), at_high, IGNORE_LABEL)
    return labels


@MODELS.register_module()
class TwoThresholdLabels(nn.Module):
    """See :func:`two_threshold_labels`; nothing in it learns.

    Args:
        low: A pixel is background if it is below this, about: the refinement moves borders (AFA 0.35, ToCo 0.25).
        high: A pixel has its class if it is above this, about (AFA 0.55, ToCo 0.7).
        refinement: Config of a :class:`~mmwsss.models.affinity.PixelAdaptiveRefinement`.
        shrink: Factor by which images and maps are made smaller for the refinement.

    Shape:
        - images (B, 3, H, W), maps (B, K, H, W) in [0, 1], present bool (B, K)
        - output int64 (B, H, W)

    Raises:
        ValueError: If the thresholds are not 0 < low <= high < 1, or ``shrink`` is below 1.
    """

    def __init__(self, low: float = 0.35, high: float = 0.55, refinement: dict | None = None, shrink: int = 2) -> None:
        super().__init__()
        if not 0 < low <= high < 1:
            raise InputError(f'Expected 0 < low <= high < 1, but got {low} and {high}.')
        if shrink < 1:
            raise InputError(f'Expected shrink >= 1, but got {shrink}.')
        self.low, self.high, self.shrink = low, high, shrink
        self.refinement = MODELS.build(refinement or {'type': 'mmwsss.PixelAdaptiveRefinement'})

    @torch.no_grad()
    def forward(self, images: Tensor, maps: Tensor, present: Tensor) -> Tensor:
        """The labels."""
        return two_threshold_labels(images, maps, present, self.low, self.high, self.refinement, self.shrink)

    def extra_repr(self) -> str:
        """The settings."""
        return f'low={self.low}, high={self.high}, shrink={self.shrink}'
