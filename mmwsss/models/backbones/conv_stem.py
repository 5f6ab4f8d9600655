"""A convolutional stem in the place of a ViT's patch projection."""

from __future__ import annotations

import math

import torch.nn as nn
from torch import Tensor

from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError


@MODELS.register_module()
class ConvStem(nn.Sequential):
    """3x3 convolutions with stride 2, batch norm and ReLU, then a 1x1 convolution (Xiao et al., arXiv 2106.14881).

    It has the signature of a convolution, so that a ViT takes it by its ``patch_cfg``::

        patch_cfg = dict(conv_type='mmwsss.ConvStem')

    A ViT that starts from scratch on a few thousand images learns far sooner with it than with one large projection.

    Args:
        in_channels: Channels of the image.
        out_channels: Embedding dimensions.
        kernel_size: The patch size, for the signature; must equal ``stride``.
        stride: The patch size, a power of two from 2 on; one convolution for each factor two.
        bias: Whether the last convolution has one.
        **kwargs: Padding and dilation of the signature; only 0 and 1 are taken.

    Shape:
        - input (B, in_channels, H, W), output (B, out_channels, H / stride, W / stride)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        bias: bool = True,
        **kwargs: int | tuple[int, int],
    ) -> None:
        steps = {stride} if isinstance(stride, int) else set(stride)
        kernels = {kernel_size} if isinstance(kernel_size, int) else set(kernel_size)
        step = steps.pop()
        if steps or kernels != {step} or step < 2 or step & (step - 1):
            raise InputError(
                f'Expected a square patch whose size is a power of two and equals the stride, '
                f'but got kernel_size {kernel_size} and stride {stride}.'
            )
        for name, value in kwargs.items():
            if value not in (0, (0, 0), 1, (1, 1)):
                raise InputError(f'Expected the default {name} for a stem, but got {value}.')
        depth = int(math.log2(step))
        layers: list[nn.Module] = []
        for level in range(depth):
            width = out_channels // 2 ** (depth - 1 - level)
            layers += [
                nn.Conv2d(in_channels, width, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            in_channels = width
        super().__init__(*layers, nn.Conv2d(in_channels, out_channels, 1, bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        """Embed the patches."""
        return super().forward(x)
