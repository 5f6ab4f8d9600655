"""The first stages of a convolutional network in the place of a ViT's patch projection."""

from __future__ import annotations

import torch.nn as nn
from mmengine.model import BaseModule
from torch import Tensor

from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError


@MODELS.register_module()
class FeatureStem(BaseModule):
    """The last map of a backbone, and a convolution to one vector a patch.

    With the early stages of a network that was trained on ImageNet, a small transformer learns from a few hundred
    images (the hybrid of Dosovitskiy et al., ICLR 2021). It is the ``stem`` of
    :class:`~mmwsss.models.backbones.TokenMapVisionTransformer`, which fills in ``out_channels`` and ``patch_size``::

        stem = dict(
            type='mmwsss.FeatureStem',
            backbone=dict(type='mmwsss.TimmFeatures', name='tf_efficientnet_lite0', out_indices=(3,)),
        )

    Args:
        backbone: Config of a backbone that says ``out_channels`` and ``out_strides``, such as
            :class:`~mmwsss.models.backbones.TimmFeatures`; its last map is used.
        out_channels: Embedding dimensions D.
        patch_size: Pixels of a patch's side: a multiple of the map's stride.
        init_cfg: Of :class:`mmengine.model.BaseModule`.

    Shape:
        - input (B, 3, H, W), output (B, D, H / patch_size, W / patch_size)

    Raises:
        ValueError: If the patch size is no multiple of the map's stride.
    """

    def __init__(self, backbone: dict, out_channels: int, patch_size: int, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        stride = self.backbone.out_strides[-1]
        if patch_size % stride:
            raise InputError(f'Expected a patch_size that is a multiple of the stride {stride}, but got {patch_size}.')
        side = patch_size // stride
        self.proj = nn.Conv2d(self.backbone.out_channels[-1], out_channels, side, stride=side)

    def forward(self, x: Tensor) -> Tensor:
        """Embed the patches."""
        return self.proj(self.backbone(x)[-1])
