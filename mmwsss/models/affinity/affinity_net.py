"""AffinityNet: features in which neighbours of one class are near each other."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.registry import MODELS as HOST_MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.models.affinity.functional import affinity_loss
from mmwsss.models.data_samples import require_samples
from mmwsss.registry import MODELS


@MODELS.register_module()
class AffinityNet(BaseModel):
    """A backbone and three projections, trained on pairs of neighbouring positions (Ahn and Kwak, CVPR 2018).

    Labels come from class activation maps: sure foreground, sure background, and the ignore label between.

    Args:
        backbone: Config of a backbone with three outputs, those of deeper layers not larger.
        in_channels: Their channels.
        channels: Channels of the three projections (the paper's code: 64, 128 and 320).
        radius: Neighbours nearer than this many positions are paired.
        data_preprocessor: Of MMSegmentation.
        init_cfg: Of :class:`mmengine.model.BaseModel`.

    Shape:
        - input (B, 3, H, W); features (B, sum of ``channels``, h, w), the grid of the deepest output
    """

    def __init__(
        self,
        backbone: dict,
        in_channels: tuple[int, int, int],
        channels: tuple[int, int, int] = (64, 128, 320),
        radius: int = 5,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.radius = radius
        self.backbone = HOST_MODELS.build(backbone)
        self.projections = nn.ModuleList(
            nn.Conv2d(source, target, 1, bias=False) for source, target in zip(in_channels, channels)
        )
        self.joint = nn.Conv2d(sum(channels), sum(channels), 1, bias=False)

    def features(self, inputs: Tensor) -> Tensor:
        """Features whose distances are affinities (B, D, h, w)."""
        outputs = self.backbone(inputs)
        grid = outputs[-1].shape[2:]
        parts = [
            F.elu(projection(F.interpolate(output, size=grid, mode='bilinear', align_corners=False)))
            for output, projection in zip(outputs, self.projections)
        ]
        return F.elu(self.joint(torch.cat(parts, dim=1)))

    def forward(
        self, inputs: Tensor, data_samples: list[SegDataSample] | None = None, mode: str = 'tensor'
    ) -> Tensor | dict[str, Tensor]:
        """Losses in mode ``'loss'``, else the features.

        Args:
            inputs: Normalised images (B, 3, H, W).
            data_samples: MMSegmentation's samples, whose ``gt_sem_seg`` is the sure part of the maps.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``.
        """
        features = self.features(inputs)
        if mode != 'loss':
            return features
        samples = require_samples(data_samples, mode)
        labels = torch.stack([sample.gt_sem_seg.data for sample in samples]).float()
        labels = F.interpolate(labels, size=features.shape[2:], mode='nearest-exact')[:, 0].long()
        return {'loss_affinity': affinity_loss(features, labels, self.radius, IGNORE_LABEL)}
