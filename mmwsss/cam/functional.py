"""Class activation maps as pure functions of tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def grad_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    r"""Grad-CAM (Selvaraju et al., ICCV 2017, eq. 1 and 2), without resizing or scaling.

    .. math:: M = \mathrm{ReLU}\Big(\sum_c \alpha_c A_c\Big), \quad
        \alpha_c = \frac{1}{hw} \sum_{ij} \frac{\partial y}{\partial A_{cij}}

    Args:
        activation: (B, C, h, w).
        gradient: Gradient of one class's logit with respect to ``activation``.

    Returns:
        Tensor: non-negative (B, h, w).

    Raises:
        ValueError: If the shapes are not four-dimensional and equal.
    """
    if activation.ndim != 4 or activation.shape != gradient.shape:
        raise ValueError(
            f'Expected activation and gradient of one shape (B, C, h, w), '
            f'but got {tuple(activation.shape)} and {tuple(gradient.shape)}.'
        )
    weight = gradient.mean((2, 3), keepdim=True)
    return (weight * activation).sum(1).relu()


def resize_cam(cam: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear resize (``align_corners=False``) of the last two dimensions of maps with four dimensions."""
    return F.interpolate(cam, size=size, mode='bilinear', align_corners=False)


def scale_by_max(cam: Tensor) -> Tensor:
    """Divide each map (last two dimensions, non-negative) by its maximum; an all-zero map stays zero."""
    peak = cam.amax((-2, -1), keepdim=True)
    return cam / torch.where(peak > 0, peak, torch.ones_like(peak))


def scale_min_max(cam: Tensor, eps: float = 1e-7) -> Tensor:
    """Shift and scale each map (last two dimensions) to [0, 1], as pytorch-grad-cam and the paper's code do."""
    cam = cam - cam.amin((-2, -1), keepdim=True)
    return cam / (cam.amax((-2, -1), keepdim=True) + eps)
