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
    return soft_dice(logits.sigmoid(), target, valid, eps)


def soft_dice(scores: Tensor, target: Tensor, valid: Tensor, eps: float = 1.0) -> Tensor:
    r"""Dice loss of each class in each image, mean over classes and the images that have a label.

    .. math:: L = 1 - \frac{2 \sum_i p_i g_i + \epsilon}{\sum_i p_i + \sum_i g_i + \epsilon}

    with sums over the pixels that have a label.

    Args:
        scores: p, (B, K, H, W) in [0, 1].
        target: g, (B, K, H, W), 1 where the class is.
        valid: (B, 1, H, W), 1 where a pixel has a label.
        eps: Added to both sides of the fraction, so that a class that is nowhere costs nothing.

    Returns:
        Tensor: scalar in [0, 1].
    """
    scores, target = scores * valid, target * valid
    overlap, total = (scores * target).sum((2, 3)), (scores + target).sum((2, 3))
    labelled = valid.flatten(1).amax(1)
    dice = (1 - (2 * overlap + eps) / (total + eps)).mean(1)
    return (dice * labelled).sum() / labelled.sum().clamp(min=1)
