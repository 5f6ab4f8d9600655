"""The ViT student's head: a linear layer on the class token."""

from __future__ import annotations

from typing import Any

import torch.nn as nn
from torch import Tensor

from mmwsss.models.heads.image_label_head import ImageLabelHead
from mmwsss.registry import MODELS


@MODELS.register_module()
class ClassTokenHead(ImageLabelHead):
    """Logits from the class token that :class:`~mmwsss.models.backbones.TokenMapVisionTransformer` gives.

    Args:
        in_channels: Embedding dimensions D.
        **kwargs: Of :class:`~mmwsss.models.heads.ImageLabelHead`.

    Shape:
        - input: tuple whose last item is [patch map (B, D, h, w), class token (B, D)]
        - output: logits (B, K)
    """

    def __init__(self, num_classes: int, in_channels: int, **kwargs: Any) -> None:
        kwargs.setdefault('init_cfg', {'type': 'TruncNormal', 'layer': 'Linear', 'std': 0.02})
        super().__init__(num_classes, **kwargs)
        self.fc = nn.Linear(in_channels, num_classes)

    def class_layers(self) -> list[nn.Conv2d | nn.Linear]:
        """The layers whose first K output channels are the classes."""
        return [self.fc]

    def pre_logits(self, feats: tuple[list[Tensor], ...]) -> Tensor:
        """The class token (B, D)."""
        return feats[-1][1]

    def forward(self, feats: tuple[list[Tensor], ...]) -> Tensor:
        """Logits (B, K)."""
        return self.fc(self.pre_logits(feats))

    def pixel_maps(self, feats: tuple[list[Tensor], ...]) -> Tensor:
        """The class token's classifier on every patch token (B, K, h, w), for a loss on pixel labels."""
        return self.fc(feats[-1][0].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
