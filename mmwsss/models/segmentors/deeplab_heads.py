"""The decode heads of DeepLab V1 and V2, which most weakly supervised work trains on its masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn as nn
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor

from mmwsss.registry import MODELS

_INIT = {'type': 'Normal', 'layer': 'Conv2d', 'std': 0.01}


@MODELS.register_module()
class DeepLabV2Head(BaseDecodeHead):
    """Atrous spatial pyramid pooling of DeepLab V2 (Chen et al., TPAMI 2018): the sum of dilated classifiers.

    Args:
        dilations: One 3x3 classifier for each.
        **kwargs: Of MMSegmentation's ``BaseDecodeHead``; ``channels`` is not used.

    Shape:
        - input: features of the backbone's stages; logits (B, classes, h, w) on the grid of the chosen one
    """

    def __init__(self, dilations: Sequence[int] = (6, 12, 18, 24), **kwargs: Any) -> None:
        kwargs.setdefault('channels', kwargs['in_channels'])
        kwargs.setdefault('init_cfg', _INIT)
        super().__init__(**kwargs)
        self.conv_seg = nn.ModuleList(
            nn.Conv2d(self.in_channels, self.out_channels, 3, padding=dilation, dilation=dilation)
            for dilation in dilations
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits (B, classes, h, w)."""
        feature = self._transform_inputs(inputs)
        return sum(classifier(feature) for classifier in self.conv_seg)


@MODELS.register_module()
class LargeFOVHead(BaseDecodeHead):
    """The fully convolutional classifier of DeepLab-LargeFOV (V1; Chen et al., ICLR 2015).

    A 3x3 convolution with dilation 12, a 1x1 one, dropout after each, and the classifier.

    Args:
        dilation: Of the first convolution.
        **kwargs: Of MMSegmentation's ``BaseDecodeHead``; ``channels`` is the width (1024 in the paper).

    Shape:
        - input: features of the backbone's stages; logits (B, classes, h, w) on the grid of the chosen one
    """

    def __init__(self, dilation: int = 12, **kwargs: Any) -> None:
        kwargs.setdefault('channels', 1024)
        kwargs.setdefault('dropout_ratio', 0.5)
        kwargs.setdefault('init_cfg', _INIT)
        super().__init__(**kwargs)
        share = kwargs['dropout_ratio']
        self.fc6 = nn.Sequential(
            nn.Conv2d(self.in_channels, self.channels, 3, padding=dilation, dilation=dilation),
            nn.ReLU(inplace=True),
            nn.Dropout2d(share),
        )
        self.fc7 = nn.Sequential(nn.Conv2d(self.channels, self.channels, 1), nn.ReLU(inplace=True))

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits (B, classes, h, w)."""
        return self.cls_seg(self.fc7(self.fc6(self._transform_inputs(inputs))))  # cls_seg has the second dropout
