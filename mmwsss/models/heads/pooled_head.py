"""Global average pooling and a linear layer, whose weights give plain CAMs."""

from __future__ import annotations

from typing import Any

import torch.nn as nn
from torch import Tensor

from mmwsss.models.heads.image_label_head import ImageLabelHead
from mmwsss.registry import MODELS


@MODELS.register_module()
class PooledHead(ImageLabelHead):
    """A 1x1 convolution to class maps and their mean over positions (Zhou et al., CVPR 2016).

    It equals pooling before a linear layer, and its maps are the class activation maps.

    Args:
        in_channels: Channels of the last feature map.
        **kwargs: Of :class:`~mmwsss.models.heads.ImageLabelHead`.

    Shape:
        - input: tuple whose last item is the map (B, in_channels, h, w), or a ViT's [patch map, class token]
        - output: logits (B, K); maps (B, K, h, w)
    """

    def __init__(self, num_classes: int, in_channels: int, **kwargs: Any) -> None:
        kwargs.setdefault('init_cfg', {'type': 'Normal', 'layer': 'Conv2d', 'std': 0.01})
        super().__init__(num_classes, **kwargs)
        self.fc = nn.Conv2d(in_channels, num_classes, 1)

    def class_layers(self) -> list[nn.Conv2d | nn.Linear]:
        """The layers whose first K output channels are the classes."""
        return [self.fc]

    def class_maps(self, feats: tuple) -> Tensor:
        """Class maps (B, K, h, w), signed."""
        feat = feats[-1]
        return self.fc(feat[0] if isinstance(feat, (list, tuple)) else feat)

    def forward(self, feats: tuple) -> Tensor:
        """Logits (B, K)."""
        return self.logits_of(self.class_maps(feats))
