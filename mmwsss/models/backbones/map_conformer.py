"""MMPretrain's Conformer with its convolution map in place of its pooled features."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.models.backbones import Conformer
from torch import Tensor

from mmwsss.registry import MODELS


@MODELS.register_module()
class MapConformer(Conformer):
    """A Conformer whose output is ``[convolution map, class token]`` (the host pools the map).

    Args:
        keep_stride: Leave out the last block's stride of 2, so that the convolution map has the patches' grid, as
            TransCAM does.
        **kwargs: Of :class:`mmpretrain.models.backbones.Conformer`, with ``with_cls_token`` and ``out_indices`` as by
            default.

    Shape:
        - input (B, 3, H, W)
        - output: a tuple of one list: convolution map (B, C, h, w), class token (B, D) after the last norm
    """

    def __init__(self, keep_stride: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if keep_stride:
            last = getattr(self, f'conv_trans_{self.fin_stage - 1}').fusion_block
            for convolution in (last.conv2, last.residual_conv):
                convolution.stride = (1, 1)

    def forward(self, x: Tensor) -> tuple[list[Tensor]]:
        """The last stage's map and class token."""
        base = self.auto_pad(self.maxpool(self.act1(self.bn1(self.conv1(x)))))
        conv_map = self.conv_1(base, out_conv2=False)
        patches = self.trans_patch_conv(base).flatten(2).transpose(1, 2)
        tokens = self.trans_1(torch.cat([self.cls_token.expand(len(x), -1, -1), patches], dim=1))
        for index in range(2, self.fin_stage):
            conv_map, tokens = getattr(self, f'conv_trans_{index}')(conv_map, tokens)
        return ([conv_map, self.trans_norm(tokens)[:, 0]],)
