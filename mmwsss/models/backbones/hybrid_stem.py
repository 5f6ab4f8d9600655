"""The ResNetV2-50 stem of ViT-B/16 hybrid, in the place of a ViT's patch projection."""

from __future__ import annotations

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError


def _same_padding(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """Pad as TensorFlow's SAME: the output has ceil(side / stride), any odd pixel at the end."""
    pads = []
    for side in (x.shape[3], x.shape[2]):
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value) if any(pads) else x


class _StdConv2d(nn.Conv2d):
    """A convolution whose weights are standardised in each output channel, SAME padding, no bias."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = (
            self.weight.var((1, 2, 3), keepdim=True, unbiased=False),
            self.weight.mean((1, 2, 3), keepdim=True),
        )
        weight = (self.weight - mean) / (variance + 1e-8).sqrt()
        return F.conv2d(_same_padding(x, self.kernel_size[0], self.stride[0]), weight, stride=self.stride)


class _Downsample(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv = _StdConv2d(in_channels, out_channels, 1, stride)
        self.norm = nn.GroupNorm(groups, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class _Bottleneck(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, stride: int, groups: int) -> None:
        super().__init__()
        middle = out_channels // 4
        self.downsample = (
            _Downsample(in_channels, out_channels, stride, groups)
            if in_channels != out_channels or stride > 1
            else None
        )
        self.conv1, self.norm1 = _StdConv2d(in_channels, middle, 1), nn.GroupNorm(groups, middle)
        self.conv2, self.norm2 = _StdConv2d(middle, middle, 3, stride), nn.GroupNorm(groups, middle)
        self.conv3, self.norm3 = _StdConv2d(middle, out_channels, 1), nn.GroupNorm(groups, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.relu(self.norm2(self.conv2(x)))
        return F.relu(self.norm3(self.conv3(x)) + shortcut)


class _Stage(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, depth: int, stride: int, groups: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(
                _Bottleneck(
                    in_channels if index == 0 else out_channels, out_channels, stride if index == 0 else 1, groups
                )
                for index in range(depth)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x)


class _Stem(nn.Module):
    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.conv, self.norm = _StdConv2d(3, width, 7, 2), nn.GroupNorm(groups, width)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.conv(x)))
        return F.max_pool2d(_same_padding(x, 3, 2, float('-inf')), 3, 2)


class _ResNetV2(nn.Module):
    def __init__(self, depths: tuple[int, ...], width: int, groups: int) -> None:
        super().__init__()
        self.stem = _Stem(width, groups)
        channels = [width, *(4 * width * 2**stage for stage in range(len(depths)))]
        self.stages = nn.Sequential(
            *(
                _Stage(channels[stage], channels[stage + 1], depth, 1 if stage == 0 else 2, groups)
                for stage, depth in enumerate(depths)
            )
        )
        self.num_features = channels[-1]

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(self.stem(x))


@MODELS.register_module()
class HybridStem(nn.Module):
    """ResNetV2-50 (group norm, standardised weights, three stages) and a 1x1 convolution: one vector a 16 x 16 patch.

    Source: the hybrid of Dosovitskiy et al., ICLR 2021 (``vit_base_r50_s16``), which ACR uses; layer names are timm's,
    so its weights load through :class:`~mmwsss.models.backbones.TokenMapVisionTransformer`. It has the signature of a
    convolution, for a ViT's ``patch_cfg=dict(conv_type='mmwsss.HybridStem')``.

    Args:
        in_channels: Channels of the image; 3.
        out_channels: Embedding dimensions.
        kernel_size: The patch size, for the signature: 16.
        stride: Likewise.
        depths: Blocks of the three stages.
        width: Channels of the first convolution.
        groups: Groups of the norms.
        **kwargs: Padding, dilation and bias of the signature.

    Shape:
        - input (B, 3, H, W), output (B, out_channels, H / 16, W / 16)

    Raises:
        ValueError: If the patch size is not 16 or the image has not 3 channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 16,
        depths: tuple[int, ...] = (3, 4, 9),
        width: int = 64,
        groups: int = 32,
        **kwargs: object,
    ) -> None:
        super().__init__()
        if in_channels != 3 or kernel_size not in (16, (16, 16)) or stride not in (16, (16, 16)):
            raise InputError(
                f'Expected 3 channels and patches of 16 pixels, but got {in_channels}, {kernel_size} and {stride}.'
            )
        self.backbone = _ResNetV2(tuple(depths), width, groups)
        self.proj = nn.Conv2d(self.backbone.num_features, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Embed the patches."""
        return self.proj(self.backbone(x))
