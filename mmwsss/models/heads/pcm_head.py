"""The teacher's head: class maps that a pixel correlation module spreads over similar pixels."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmwsss.models.heads.image_label_head import ImageLabelHead
from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError


def propagate_by_correlation(values: Tensor, feature: Tensor, eps: float = 1e-5) -> Tensor:
    r"""Replace every position by the mean of all positions, weighted by their feature's cosine with its own.

    .. math:: y_j = \sum_i x_i A_{ij}, \quad A_{ij} = \frac{\mathrm{ReLU}(\hat f_i \cdot \hat f_j)}
        {\sum_i \mathrm{ReLU}(\hat f_i \cdot \hat f_j) + \epsilon}

    Source: the pixel correlation module of SEAM (Wang et al., CVPR 2020, eq. 6), here on any map.

    Args:
        values: Map to spread (B, C, h, w), x in the formula.
        feature: Feature that tells which positions belong together (B, D, h, w), f in the formula.
        eps: Added to norms and sums.

    Returns:
        Tensor: (B, C, h, w).

    Raises:
        ValueError: If batch or grid differ.
    """
    places = [value.shape[:1] + value.shape[2:] for value in (values, feature)]
    if values.ndim != 4 or feature.ndim != 4 or places[0] != places[1]:
        raise ValueError(
            f'Expected values (B, C, h, w) and feature (B, D, h, w) of one batch and grid, '
            f'but got {tuple(values.shape)} and {tuple(feature.shape)}.'
        )
    flat = feature.flatten(2)
    flat = flat / (flat.norm(dim=1, keepdim=True) + eps)
    affinity = (flat.transpose(1, 2) @ flat).relu()
    affinity = affinity / (affinity.sum(dim=1, keepdim=True) + eps)
    return (values.flatten(2) @ affinity).view_as(values)


@MODELS.register_module()
class PCMHead(ImageLabelHead):
    """Head of the CNN teacher: classifier, pixel correlation module, and their sum.

    With layers 3 and 4 of a ResNet (strides 1, 2, 2, 1) and the image::

        conv6 = ReLU(BN(conv3x3(layer4)))
        f     = conv1x1([image, conv1x1(layer3), conv1x1(layer4)])
        maps  = fc8(conv6) + fc8(PCM(conv6, f))

    Unlike SEAM's module it spreads the feature conv6 and not the class map, and lets gradients through.

    Args:
        num_classes: Number of classes K.
        in_channels: Channels of layer 3 and of layer 4.
        map_channels: ``'classes'``: K maps, all trained. ``'classes_and_extra'``: the paper's code, with one more map
            that no label ever reaches: it stays the random projection that it was drawn as, and is a target of the
            student all the same.
        hidden_channels: Channels of conv6; by default those of layer 4.
        feature_channels: Channels of the two 1x1 projections.
        correlation_channels: Channels of f.
        **kwargs: Of :class:`~mmwsss.models.heads.ImageLabelHead`.

    Shape:
        - input: (image (B, 3, H, W), layer3 (B, C3, h, w), layer4 (B, C4, h, w)), as
          :class:`~mmwsss.models.classifiers.MapClassifier` gives them ``with_image``
        - output: logits (B, K), the mean of the first K maps; maps (B, K or K + 1, h, w)

    Raises:
        ValueError: If ``map_channels`` is none of the two, or the features are not of one grid.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: tuple[int, int] = (1024, 2048),
        map_channels: str = 'classes',
        hidden_channels: int | None = None,
        feature_channels: int = 256,
        correlation_channels: int = 512,
        **kwargs: Any,
    ) -> None:
        if map_channels not in ('classes', 'classes_and_extra'):
            raise InputError(f"Expected map_channels 'classes' or 'classes_and_extra', but got {map_channels!r}.")
        super().__init__(num_classes, **kwargs)
        layer3, layer4 = in_channels
        hidden = hidden_channels or layer4
        self.conv6 = nn.Sequential(
            nn.Conv2d(layer4, hidden, 3, padding=1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(inplace=True)
        )
        self.fc8 = nn.Conv2d(hidden, num_classes + (map_channels == 'classes_and_extra'), 1)
        self.f8_3 = nn.Conv2d(layer3, feature_channels, 1, bias=False)
        self.f8_4 = nn.Conv2d(layer4, feature_channels, 1, bias=False)
        self.f9 = nn.Conv2d(3 + 2 * feature_channels, correlation_channels, 1, bias=False)

    def init_weights(self) -> None:
        """Normal weights with variance 2 / (kernel area * output channels), as in the paper's code.

        For the few channels of ``fc8`` that is a large draw; with ``map_channels='classes'`` it is made smaller, by its
        input channels, because no untrained map has to keep the paper's amplitude.
        """
        super().init_weights()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                if module is self.fc8 and module.out_channels == self.num_classes:
                    fan_out = module.in_channels
                nn.init.normal_(module.weight, 0, math.sqrt(2.0 / fan_out))
        if self.fc8.bias is not None:
            nn.init.zeros_(self.fc8.bias)

    def class_layers(self) -> list[nn.Conv2d | nn.Linear]:
        """The layers whose first K output channels are the classes."""
        return [self.fc8]

    def class_maps(self, feats: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Class maps (B, K or K + 1, h, w), signed."""
        if len(feats) != 3 or feats[1].shape[2:] != feats[2].shape[2:]:
            shapes = [tuple(feat.shape) for feat in feats]
            raise ValueError(f'Expected (image, layer3, layer4) with both layers on one grid, but got {shapes}.')
        image, layer3, layer4 = feats
        conv6 = self.conv6(layer4)
        image = F.interpolate(image, size=layer4.shape[2:], mode='bilinear', align_corners=True)
        feature = self.f9(torch.cat([image, self.f8_3(layer3), self.f8_4(layer4)], dim=1))
        return self.fc8(conv6) + self.fc8(propagate_by_correlation(conv6, feature))

    def forward(self, feats: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Logits (B, K)."""
        return self.logits_of(self.class_maps(feats))
