"""Pixel-adaptive refinement: maps averaged over neighbours of like colour, on tensors, inside training or after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError

DILATIONS = (1, 2, 4, 8, 12, 24)
"""Distances of the neighbours in pixels, of AFA's code."""

_STEPS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)
_EPS = 1e-8


def _shifted(values: Tensor, dilations: Sequence[int]) -> Iterator[Tensor]:
    """Views of (B, C, H, W) seen from each neighbour, eight a distance; beyond the border the border is repeated."""
    margin = max(dilations)
    height, width = values.shape[2:]
    padded = F.pad(values, (margin,) * 4, mode='replicate')
    for dilation in dilations:
        for dy, dx in _STEPS:
            top, left = margin + dy * dilation, margin + dx * dilation
            yield padded[:, :, top : top + height, left : left + width]


def pixel_adaptive_weights(
    images: Tensor, dilations: Sequence[int] = DILATIONS, scale: float = 0.3, position_weight: float = 0.01
) -> Tensor:
    r"""Weights of the neighbours j of every pixel i (Ru et al., CVPR 2022, eq. 9 and 10, after its public code).

    .. math:: w_{ij} = \frac{\mathrm{softmax}_j(k_{ij}) + \omega\,\mathrm{softmax}_j(k'_{ij})}{1 + \omega}, \quad
        k_{ij} = -\frac{1}{3} \sum_c \Big(\frac{I_{ci} - I_{cj}}{s\,\sigma_{ci}}\Big)^2, \quad
        k'_{ij} = -\Big(\frac{d_{ij}}{s\,\sigma_d}\Big)^2

    with :math:`\sigma` the standard deviation over the neighbours. The division by :math:`1 + \omega` is ours: without
    it every round makes the maps one per cent larger. Values do not change when a channel is scaled or shifted, so
    normalised images do as well as pictures.

    Args:
        images: (B, 3, H, W), in any unit.
        dilations: Distances of the neighbours in pixels; eight directions each.
        scale: s.
        position_weight: :math:`\omega`.

    Returns:
        Tensor: float32 (B, 8 * len(dilations), H, W), positive; sums over the neighbours are one.
    """
    images = images.float()
    number = 8 * len(dilations)
    mean, variance = torch.zeros_like(images), torch.zeros_like(images)
    for view in _shifted(images, dilations):
        mean = mean + view / number
    for view in _shifted(images, dilations):
        variance = variance + (view - mean) ** 2 / (number - 1)
    unit = scale * (variance.sqrt() + _EPS)
    colour = torch.stack([-(((images - view) / unit) ** 2).mean(1) for view in _shifted(images, dilations)], 1)
    distance = images.new_tensor([d * (dy * dy + dx * dx) ** 0.5 for d in dilations for dy, dx in _STEPS])
    # one distance has no deviation: all neighbours count alike
    position = -((distance / (scale * (distance.std() + _EPS))) ** 2).view(1, -1, 1, 1)
    return (colour.softmax(1) + position_weight * position.softmax(1)) / (1 + position_weight)


def pixel_adaptive_average(maps: Tensor, weights: Tensor, dilations: Sequence[int], num_iters: int) -> Tensor:
    """Replace every value by the weighted mean of its neighbours, some times.

    Args:
        maps: (B, K, H, W).
        weights: Of :func:`pixel_adaptive_weights` with the same dilations.
        dilations: Distances of the neighbours in pixels.
        num_iters: How often.

    Returns:
        Tensor: float32 (B, K, H, W), within the range of ``maps``.

    Raises:
        ValueError: If the sizes do not fit.
    """
    expected = (maps.shape[0], 8 * len(dilations), *maps.shape[2:])
    if maps.ndim != 4 or tuple(weights.shape) != expected:
        raise ValueError(f'Expected weights {expected} for maps {tuple(maps.shape)}, but got {tuple(weights.shape)}.')
    maps = maps.float()
    for _ in range(num_iters):
        total = torch.zeros_like(maps)
        for number, view in enumerate(_shifted(maps, dilations)):
            total = torch.addcmul(total, weights[:, number : number + 1], view)
        maps = total
    return maps


@MODELS.register_module()
class PixelAdaptiveRefinement(nn.Module):
    """Average maps over neighbours of like colour (PAR of AFA: Ru et al., CVPR 2022), without weights that learn.

    Args:
        num_iters: Rounds (AFA, ToCo: 10; ExCEL, WeCLIP: 20).
        dilations: Distances of the neighbours in pixels.
        scale: See :func:`pixel_adaptive_weights`.
        position_weight: See :func:`pixel_adaptive_weights`.

    Shape:
        - images (B, 3, H, W), maps (B, K, H, W) of the same B, H and W
        - output (B, K, H, W)

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        num_iters: int = 10,
        dilations: Sequence[int] = DILATIONS,
        scale: float = 0.3,
        position_weight: float = 0.01,
    ) -> None:
        super().__init__()
        if num_iters < 1 or not dilations or min(dilations) < 1:
            raise InputError(
                f'Expected num_iters >= 1 and positive dilations, but got {num_iters} and {tuple(dilations)}.'
            )
        if scale <= 0 or position_weight < 0:
            raise InputError(f'Expected scale > 0 and position_weight >= 0, but got {scale} and {position_weight}.')
        self.num_iters, self.dilations = num_iters, tuple(dilations)
        self.scale, self.position_weight = scale, position_weight

    def forward(self, images: Tensor, maps: Tensor) -> Tensor:
        """Refine."""
        weights = pixel_adaptive_weights(images, self.dilations, self.scale, self.position_weight)
        return pixel_adaptive_average(maps, weights, self.dilations, self.num_iters)

    def extra_repr(self) -> str:
        """The settings."""
        return f'num_iters={self.num_iters}, dilations={self.dilations}'
