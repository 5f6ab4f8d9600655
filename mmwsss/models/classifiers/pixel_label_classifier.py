"""Image labels for all images, and pixel labels for a few of them."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from mmwsss.models.classifiers.map_classifier import MapClassifier
from mmwsss.models.heads.image_label_head import image_label_loss
from mmwsss.models.losses.pixel_loss import pixel_bce, pixel_dice
from mmwsss.registry import MODELS


@MODELS.register_module()
class PixelLabelClassifier(MapClassifier):
    """A classifier whose class maps also learn from the masks of those images that have one.

    ``loss = BCE(image labels) + weight * (BCE + Dice of the maps)`` (arXiv 2507.21959, Table 4.1 "image + limited
    pixel"). In the paper's code features and weights of the maps are detached, so its pixel loss teaches nothing; here
    the gradient reaches the whole network, which a test proves.

    Args:
        pixel_weight: Weight of the pixel loss.
        **kwargs: Of :class:`~mmwsss.models.classifiers.MapClassifier`; samples carry ``gt_seg_map`` (H, W).
    """

    def __init__(self, pixel_weight: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pixel_weight = pixel_weight

    def loss(self, inputs: Tensor, data_samples: list[DataSample]) -> dict[str, Tensor]:
        """``loss_bce`` and ``loss_pixel``."""
        feats = self.extract_feat(inputs)
        labels = torch.stack([torch.as_tensor(sample.gt_seg_map) for sample in data_samples]).to(inputs.device).long()
        maps = self.head.pixel_maps(feats)
        return {
            'loss_bce': image_label_loss(self.head(feats), data_samples),
            'loss_pixel': self.pixel_weight * (pixel_bce(maps, labels) + pixel_dice(maps, labels)),
        }
