"""The patch maps of a vision transformer, as decoders want them."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn as nn
from torch import Tensor

from mmwsss.registry import MODELS


@MODELS.register_module()
class PatchMapNeck(nn.Module):
    """Of backbones that give ``[patch map, class token]`` for each output: the patch maps alone.

    It puts :class:`~mmwsss.models.backbones.TokenMapVisionTransformer` before any decode head of MMSegmentation.

    Shape:
        - input: a tuple of lists, patch map (B, D, h, w) first; output: a tuple of patch maps
    """

    def forward(self, feats: Sequence[Sequence[Tensor]]) -> tuple[Tensor, ...]:
        """The patch maps."""
        return tuple(feat[0] for feat in feats)
