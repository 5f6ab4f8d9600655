"""The loss of a pair: one frame with smoke and the same frame without."""

from __future__ import annotations

import torch.nn as nn
from torch import Tensor

from mmwsss.models.losses.functional import counterfactual_loss
from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError


@MODELS.register_module()
class CounterfactualLoss(nn.Module):
    r"""Class maps of a pair should differ by the matte and be empty on the clean frame.

    .. math:: L = w \left( \mathrm{mean} \left| \frac{M(x^+) - M(x^0)}{s} - \alpha \right|
        + \lambda_0 \, \mathrm{mean} \frac{\max(M(x^0), 0)}{s} \right)

    See :func:`~mmwsss.models.losses.functional.counterfactual_loss` for its terms.

    Args:
        loss_weight: Weight of both parts.
        scale: Logit that the map should gain where the smoke is opaque.
        empty_weight: Weight of the clean frame's part beside the difference's.

    Shape:
        - map_with, map_without: (B, h, w), signed maps of the class; matte: (B, H, W) in [0, 1]; output: scalar >= 0

    Raises:
        ValueError: If ``scale`` is not positive.
    """

    def __init__(self, loss_weight: float = 1.0, scale: float = 4.0, empty_weight: float = 1.0) -> None:
        super().__init__()
        if scale <= 0:
            raise InputError(f'Expected scale > 0, but got {scale}.')
        self.loss_weight, self.scale, self.empty_weight = loss_weight, scale, empty_weight

    def forward(self, map_with: Tensor, map_without: Tensor, matte: Tensor) -> Tensor:
        """The weighted loss."""
        return self.loss_weight * counterfactual_loss(map_with, map_without, matte, self.scale, self.empty_weight)

    def extra_repr(self) -> str:
        """Its settings, for ``print(model)``."""
        return f'loss_weight={self.loss_weight}, scale={self.scale}, empty_weight={self.empty_weight}'
