"""Base class of all heads: the loss on image-level labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmpretrain.models.heads import MultiLabelClsHead
from mmpretrain.structures import DataSample
from torch import Tensor

from mmwsss.utils.errors import InputError, InputTypeError


class ImageLabelHead(MultiLabelClsHead):
    """Base of heads that learn from image-level labels by binary cross-entropy.

    The loss is the mean over images **and classes** (the host's sums over classes), so that a knowledge-transfer weight
    means the same for one class and for eighty.

    A subclass gives ``forward(feats)``, logits (B, K), and ``class_maps(feats)``, maps (B, C, h, w) with C >= K.

    Args:
        num_classes: Number of classes K.
        **kwargs: Of :class:`mmpretrain.models.heads.MultiLabelClsHead`.

    Raises:
        ValueError: If ``num_classes`` is not positive.
    """

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        if num_classes < 1:
            raise InputError(f'Expected num_classes >= 1, but got {num_classes}.')
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def class_maps(self, feats: tuple) -> Tensor:
        """Maps (B, C, h, w) with C >= K, the first K of them of the classes; not every head has some."""
        raise InputTypeError(f'{type(self).__name__} has no class maps of its own: use a gradient CAM.')

    def pixel_maps(self, feats: tuple) -> Tensor:
        """Maps (B, K, h, w) for a loss on pixel labels: the class maps."""
        return self.class_maps(feats)[:, : self.num_classes]

    def logits_of(self, class_maps: Tensor) -> Tensor:
        """Logits (B, K) of maps that :meth:`class_maps` gave: the mean over positions of the first K."""
        return class_maps[:, : self.num_classes].mean((2, 3))

    def class_layers(self) -> list[nn.Conv2d | nn.Linear]:
        """The convolutions or linear layers whose first K output channels are the classes."""
        return []

    @torch.no_grad()
    def select_classes(self, channels: Sequence[int]) -> None:
        """Keep some classes, in another order: afterwards class i is what ``channels[i]`` was.

        Raises:
            ValueError: If the head does not say which of its layers have the classes.
        """
        layers = self.class_layers()
        if not layers:
            raise InputError(f'Expected a head that says its class_layers, but {type(self).__name__} does not.')
        for layer in layers:
            rows = [*channels, *range(self.num_classes, len(layer.weight))]  # what follows the classes stays
            layer.weight = nn.Parameter(layer.weight[rows].clone(), layer.weight.requires_grad)
            if layer.bias is not None:
                layer.bias = nn.Parameter(layer.bias[rows].clone(), layer.bias.requires_grad)
            setattr(layer, 'out_channels' if isinstance(layer, nn.Conv2d) else 'out_features', len(rows))
        self.num_classes = len(channels)

    def _get_loss(self, cls_score: Tensor, data_samples: list[DataSample], **kwargs: Any) -> dict[str, Tensor]:
        return {'loss': image_label_loss(cls_score, data_samples)}


def image_label_loss(logits: Tensor, data_samples: list[DataSample]) -> Tensor:
    """Binary cross-entropy of logits (B, K) with the samples' multi-hot ``gt_score`` (K,), mean over B and K.

    Raises:
        ValueError: If the labels have another number of classes than the logits.
    """
    target = torch.stack([sample.gt_score for sample in data_samples]).to(logits)
    if target.shape != logits.shape:
        raise InputError(
            f'Expected labels of {logits.shape[1]} classes for {logits.shape[0]} images, '
            f'but got {tuple(target.shape)}: does the head have the classes of the data set?'
        )
    return F.binary_cross_entropy_with_logits(logits.float(), target.float())
