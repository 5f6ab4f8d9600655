"""The backbone of DeepLab-LargeFOV."""

from __future__ import annotations

from typing import Any

import torch.nn as nn
from mmpretrain.models.backbones import VGG

from mmwsss.registry import MODELS


@MODELS.register_module()
class LargeFOVBackbone(VGG):
    """MMPretrain's VGG with output stride 8: the last two poolings keep the grid, the last stage has dilation 2.

    Args:
        **kwargs: Of :class:`mmpretrain.models.backbones.VGG`; weights of its classifiers load.
    """

    def __init__(self, depth: int = 16, **kwargs: Any) -> None:
        super().__init__(depth, dilations=(1, 1, 1, 1, 2), **kwargs)
        features = getattr(self, self.module_name)
        poolings = [index for index, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
        for index in poolings[-2:]:
            features[index] = nn.MaxPool2d(3, stride=1, padding=1)
