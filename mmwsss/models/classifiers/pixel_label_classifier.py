"""Image labels for all images, and pixel labels for a few of them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample
from torch import Tensor

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.models.classifiers.map_classifier import MapClassifier
from mmwsss.models.heads.image_label_head import image_label_loss
from mmwsss.registry import MODELS


def pixel_label_loss(class_maps: Tensor, labels: Tensor, ignore: int = IGNORE_LABEL, eps: float = 1.0) -> Tensor:
    """Binary cross-entropy plus Dice loss of class maps, over the pixels that have a label.

    Args:
        class_maps: Logits (B, K, h, w), resized to the labels.
        labels: integer (B, H, W), 0 background, k + 1 class k.
        ignore: Label of pixels that count nowhere; images of nothing else add nothing.
        eps: Added to both sides of Dice's fraction, so that a class that is nowhere costs nothing.

    Returns:
        Tensor: scalar; zero where no pixel has a label.
    """
    logits = F.interpolate(class_maps.float(), size=labels.shape[1:], mode='bilinear', align_corners=False)
    valid = (labels != ignore)[:, None].to(logits)
    index = torch.arange(1, logits.shape[1] + 1, device=labels.device).view(1, -1, 1, 1)
    target = (labels[:, None] == index).to(logits)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction='none')
    cross_entropy = (cross_entropy * valid).sum() / (valid.sum() * logits.shape[1]).clamp(min=1)
    score = logits.sigmoid() * valid
    overlap, total = (score * target).sum((2, 3)), (score + target * valid).sum((2, 3))
    labelled = valid.flatten(1).amax(1)
    dice = (1 - (2 * overlap + eps) / (total + eps)).mean(1)
    return cross_entropy + (dice * labelled).sum() / labelled.sum().clamp(min=1)


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
        return {
            'loss_bce': image_label_loss(self.head(feats), data_samples),
            'loss_pixel': self.pixel_weight * pixel_label_loss(self.head.pixel_maps(feats), labels),
        }
