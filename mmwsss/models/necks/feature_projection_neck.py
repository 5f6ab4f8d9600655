"""Projection of features to the channels that teacher and student share."""

from __future__ import annotations

import torch.nn as nn
from mmengine.model import BaseModule
from torch import Tensor

from mmwsss.registry import MODELS


@MODELS.register_module()
class FeatureProjectionNeck(BaseModule):
    """A 1x1 convolution from a network's features to the channels of the knowledge-transfer loss.

    Source: the projection layer of arXiv 2507.21959, section 3.3 (there 768 patch-token channels to 2).

    Args:
        in_channels: Channels of the feature map.
        out_channels: Channels of the shared space.
        init_cfg: Initialisation; by default PyTorch's own.

    Shape:
        - input (B, in_channels, h, w), output (B, out_channels, h, w)
    """

    def __init__(self, in_channels: int, out_channels: int, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.proj = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, feature_map: Tensor) -> Tensor:
        """The projected map (B, out_channels, h, w)."""
        return self.proj(feature_map)
