"""The method's main knowledge-transfer loss."""

from __future__ import annotations

import torch.nn as nn
from torch import Tensor

from mmwsss.models.losses.functional import cosine_global
from mmwsss.registry import MODELS


@MODELS.register_module()
class CosineGlobalKTLoss(nn.Module):
    """Global cosine consistency of two maps; see :func:`~mmwsss.models.losses.functional.cosine_global`.

    Args:
        loss_weight: lambda of the paper (Table 4.10: best at 1).
        pooled: Eq. 3.2's pooled form in place of the flattened maps.

    Shape:
        - student_map, teacher_map (B, C, h, w); output: scalar in [0, 2 * loss_weight]
    """

    def __init__(self, loss_weight: float = 1.0, pooled: bool = False) -> None:
        super().__init__()
        self.loss_weight, self.pooled = loss_weight, pooled

    def forward(self, student_map: Tensor, teacher_map: Tensor) -> Tensor:
        """The weighted loss."""
        return self.loss_weight * cosine_global(student_map, teacher_map, self.pooled)
