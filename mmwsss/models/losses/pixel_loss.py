"""Losses of class maps on pixel labels, over the pixels that have one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmwsss.datasets.metainfo import IGNORE_LABEL


def _logits_targets_valid(class_maps: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits at the labels' size (B, K, H, W), binary targets likewise, and which pixels count (B, 1, H, W)."""
    logits = F.interpolate(class_maps.float(), size=labels.shape[1:], mode='bilinear', align_corners=False)
    index = torch.arange(1, logits.shape[1] + 1, device=labels.device).view(1, -1, 1, 1)
    return logits, (labels[:, None] == index).to(logits), (labels != IGNORE_LABEL)[:, None].to(logits)


def pixel_bce(class_maps: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy, mean over classes and the pixels that have a label.

    Args:
        class_maps: Logits (B, K, h, w), resized to the labels.
        labels: integer (B, H, W), 0 background, k + 1 class k, and the ignore label.

    Returns:
        Tensor: scalar; zero where no pixel has a label.
    """
    logits, target, valid = _logits_targets_valid(class_maps, labels)
    values = F.binary_cross_entropy_with_logits(logits, target, reduction='none') * valid
    return values.sum() / (valid.sum() * logits.shape[1]).clamp(min=1)


def pixel_dice(class_maps: Tensor, labels: Tensor, eps: float = 1.0) -> Tensor:
    """Dice loss of the sigmoid, mean over classes and the images that have a label.

    Args:
        class_maps: Logits (B, K, h, w), resized to the labels.
        labels: integer (B, H, W), 0 background, k + 1 class k, and the ignore label.
        eps: Added to both sides of the fraction, so that a class that is nowhere costs nothing.

    Returns:
        Tensor: scalar; zero where no pixel has a label.
    """
    logits, target, valid = _logits_targets_valid(class_maps, labels)
    score = logits.sigmoid() * valid
    overlap, total = (score * target).sum((2, 3)), (score + target * valid).sum((2, 3))
    labelled = valid.flatten(1).amax(1)
    dice = (1 - (2 * overlap + eps) / (total + eps)).mean(1)
    return (dice * labelled).sum() / labelled.sum().clamp(min=1)
