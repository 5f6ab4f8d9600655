"""Cross-entropy in which background and classes count the same, however few pixels the classes have."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.registry import MODELS


def balanced_cross_entropy(
    logits: Tensor, labels: Tensor, ignore_index: int = IGNORE_LABEL, by_class: bool = False
) -> Tensor:
    r"""Half the mean over background pixels and half the mean over pixels of classes, of the whole batch.

    .. math:: L = -\frac{1}{2 |B|} \sum_{i \in B} \log p_{i0} - \frac{1}{2 |F|} \sum_{i \in F} \log p_{i m_i}

    With ``by_class`` the second half is the mean, over the classes that the batch has pixels of, of each class's own
    mean, so that a small or rare class counts as much as a large one.

    Source: the segmentation loss of AFA's code (Ru et al., CVPR 2022). There a batch without one of the two is NaN;
    here that half is zero, as a batch of images without any class needs.

    Args:
        logits: (B, K + 1, H, W), background first.
        labels: integer (B, H, W), 0 background, k + 1 class k, and the ignore label.
        ignore_index: The ignore label.
        by_class: Whether classes count the same, too.

    Returns:
        Tensor: scalar.

    Raises:
        ValueError: If logits and labels differ in batch, height or width.
    """
    if logits.ndim != 4 or labels.shape != (logits.shape[0], *logits.shape[2:]):
        raise ValueError(
            f'Expected logits (B, K + 1, H, W) and labels (B, H, W), but got {tuple(logits.shape)} and '
            f'{tuple(labels.shape)}.'
        )
    entropy = F.cross_entropy(logits.float(), labels.long(), ignore_index=ignore_index, reduction='none')
    known = labels != ignore_index
    if by_class:
        index = labels[known].long()
        sums, counts = entropy.new_zeros(2, logits.shape[1])
        sums = sums.index_add(0, index, entropy[known])
        counts = counts.index_add(0, index, torch.ones_like(entropy[known]))
        means = sums / counts.clamp(min=1)
        return (means[0] + means[1:].sum() / (counts[1:] > 0).sum().clamp(min=1)) / 2
    background, classes = labels == 0, (labels > 0) & known
    halves = [(entropy * part).sum() / part.sum().clamp(min=1) for part in (background, classes)]
    return (halves[0] + halves[1]) / 2


@MODELS.register_module()
class BalancedCrossEntropyLoss(nn.Module):
    """See :func:`balanced_cross_entropy`; for ``loss_decode`` of MMSegmentation's heads.

    Args:
        loss_weight: Weight.
        by_class: See :func:`balanced_cross_entropy`.
        loss_name: Name of the loss in the log.

    Shape:
        - logits: (B, K + 1, H, W), background first; labels: integer (B, H, W); output: scalar
    """

    def __init__(self, loss_weight: float = 1.0, by_class: bool = False, loss_name: str = 'loss_ce') -> None:
        super().__init__()
        self.loss_weight, self.by_class, self.loss_name = loss_weight, by_class, loss_name

    def forward(self, logits: Tensor, labels: Tensor, ignore_index: int = IGNORE_LABEL, **_: Any) -> Tensor:
        """Loss; ``weight`` of the pixels, which the head gives, is not used."""
        return self.loss_weight * balanced_cross_entropy(logits, labels, ignore_index, self.by_class)
