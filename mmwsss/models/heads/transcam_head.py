"""TransCAM's head on a Conformer: one classifier a branch."""

from __future__ import annotations

from typing import Any

import torch.nn as nn
from torch import Tensor

from mmwsss.models.heads.image_label_head import ImageLabelHead
from mmwsss.registry import MODELS


@MODELS.register_module()
class TransCAMHead(ImageLabelHead):
    """Class maps of the convolution branch and a linear layer on the class token; the logits are their sum.

    Source: Li et al., TransCAM (JVCI 2023); the loss is binary cross-entropy of the summed logits, as in the code of
    arXiv 2507.21959.

    Args:
        in_channels: Channels of the convolution map and of the class token.
        **kwargs: Of :class:`~mmwsss.models.heads.ImageLabelHead`.

    Shape:
        - input: tuple whose last item is [convolution map (B, C, h, w), class token (B, D)], as
          :class:`~mmwsss.models.backbones.MapConformer` gives it
        - output: logits (B, K); maps (B, K, h, w)
    """

    def __init__(self, num_classes: int, in_channels: tuple[int, int], **kwargs: Any) -> None:
        kwargs.setdefault('init_cfg', {'type': 'TruncNormal', 'layer': ['Conv2d', 'Linear'], 'std': 0.02})
        super().__init__(num_classes, **kwargs)
        self.conv_cls = nn.Conv2d(in_channels[0], num_classes, 1)
        self.trans_cls = nn.Linear(in_channels[1], num_classes)

    def class_layers(self) -> list[nn.Conv2d | nn.Linear]:
        """The layers whose first K output channels are the classes."""
        return [self.conv_cls, self.trans_cls]

    def class_maps(self, feats: tuple[list[Tensor], ...]) -> Tensor:
        """Class maps (B, K, h, w) of the convolution branch, signed."""
        return self.conv_cls(feats[-1][0])

    def forward(self, feats: tuple[list[Tensor], ...]) -> Tensor:
        """Logits (B, K)."""
        return self.logits_of(self.class_maps(feats)) + self.trans_cls(feats[-1][1])
