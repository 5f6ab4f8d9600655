"""Dice loss of a segmentor's foreground classes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.models.losses.pixel_loss import soft_dice
from mmwsss.registry import MODELS


@MODELS.register_module()
class ForegroundDiceLoss(nn.Module):
    """Dice loss of every class but the background, image by image.

    Formula in :func:`~mmwsss.models.losses.pixel_loss.soft_dice`; for ``loss_decode`` of MMSegmentation's heads.
    Against its own ``DiceLoss``: ignored pixels count nowhere, and background, which is most of an image, has no part
    in the fraction.

    Args:
        loss_weight: Weight.
        eps: Of :func:`~mmwsss.models.losses.pixel_loss.soft_dice`.
        loss_name: Name of the loss in the log.

    Shape:
        - logits: (B, K + 1, H, W), background first (softmax), or (B, 1, H, W) (sigmoid)
        - labels: integer (B, H, W), 0 background, k + 1 class k, and the ignore label
        - output: scalar
    """

    def __init__(self, loss_weight: float = 1.0, eps: float = 1.0, loss_name: str = 'loss_dice') -> None:
        super().__init__()
        self.loss_weight, self.eps, self.loss_name = loss_weight, eps, loss_name

    def forward(self, logits: Tensor, labels: Tensor, ignore_index: int = IGNORE_LABEL, **_: Any) -> Tensor:
        """Loss.

        Args:
            logits: See the class.
            labels: See the class.
            ignore_index: The ignore label.
            **_: ``weight`` of the pixels, which the head gives and which is not used.

        Raises:
            ValueError: If logits and labels differ in batch, height or width.
        """
        if logits.ndim != 4 or labels.shape != (logits.shape[0], *logits.shape[2:]):
            raise ValueError(
                f'Expected logits (B, K + 1, H, W) and labels (B, H, W), but got {tuple(logits.shape)} and '
                f'{tuple(labels.shape)}.'
            )
        scores = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)[:, 1:]
        index = torch.arange(1, scores.shape[1] + 1, device=labels.device).view(1, -1, 1, 1)
        target, valid = labels[:, None] == index, labels[:, None] != ignore_index
        return self.loss_weight * soft_dice(scores, target.to(scores), valid.to(scores), self.eps)
