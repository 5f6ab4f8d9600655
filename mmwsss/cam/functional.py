"""Class activation maps as pure functions of tensors."""

from __future__ import annotations

from collections.abc import Sequence

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

    >>> activation = torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]])  # two channels of 1 x 2
    >>> gradient = torch.tensor([[[[0.5, 0.5]], [[-1.0, -1.0]]]])
    >>> grad_cam(activation, gradient)
    tensor([[[0.5000, 0.0000]]])
    """
    _check_pair(activation, gradient)
    weight = gradient.mean((2, 3), keepdim=True)
    return (weight * activation).sum(1).relu()


def grad_cam_plus_plus(activation: Tensor, gradient: Tensor, eps: float = 1e-6) -> Tensor:
    r"""Grad-CAM++ (Chattopadhay et al., WACV 2018), without resizing or scaling.

    .. math:: M = \mathrm{ReLU}\Big(\sum_c w_c A_c\Big), \quad w_c = \sum_{ij} \alpha_{cij} \mathrm{ReLU}(g_{cij}),
        \quad \alpha_{cij} = \frac{g_{cij}^2}{2 g_{cij}^2 + g_{cij}^3 \sum_{ab} A_{cab} + \epsilon}

    with g the gradient of the logit; higher derivatives are powers of g as if the score were its exponential (the
    paper's eq. 19). Positions without a gradient have no weight.

    Args:
        activation: (B, C, h, w).
        gradient: Gradient of one class's logit with respect to ``activation``.
        eps: Added to the denominator.

    Returns:
        Tensor: non-negative (B, h, w).
    """
    _check_pair(activation, gradient)
    square = gradient**2
    denominator = 2 * square + square * gradient * activation.sum((2, 3), keepdim=True) + eps
    alpha = torch.where(gradient != 0, square / denominator, torch.zeros_like(gradient))
    weight = (alpha * gradient.relu()).sum((2, 3), keepdim=True)
    return (weight * activation).sum(1).relu()


def layer_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    r"""LayerCAM (Jiang et al., TIP 2021, eq. 5 and 6), without resizing or scaling.

    .. math:: M_{ij} = \mathrm{ReLU}\Big(\sum_c \mathrm{ReLU}(g_{cij}) A_{cij}\Big)

    Args:
        activation: (B, C, h, w).
        gradient: Gradient of one class's logit with respect to ``activation``.

    Returns:
        Tensor: non-negative (B, h, w).
    """
    _check_pair(activation, gradient)
    return (gradient.relu() * activation).sum(1).relu()


def attention_rollout(attentions: Sequence[Tensor]) -> Tensor:
    r"""How much of each token reaches each other through all blocks (Abnar and Zuidema, ACL 2020).

    :math:`\tilde A_L \cdots \tilde A_1` with :math:`\tilde A = (A + I) / 2`, rows normalised: the residual connection
    counts as attention of a token to itself.

    Args:
        attentions: Head means (B, N, N) of each block, the first block first; rows sum to one.

    Returns:
        Tensor: (B, N, N), rows sum to one.

    >>> attention_rollout([torch.full((1, 2, 2), 0.5)]).tolist()
    [[[0.75, 0.25], [0.25, 0.75]]]
    """
    eye = torch.eye(attentions[0].shape[-1], device=attentions[0].device, dtype=attentions[0].dtype)
    joint = eye.expand_as(attentions[0])
    for attention in attentions:
        mixed = (attention + eye) / 2
        joint = mixed / mixed.sum(-1, keepdim=True) @ joint
    return joint


def spread_by_attention(class_maps: Tensor, attentions: Sequence[Tensor]) -> Tensor:
    """TransCAM (Li et al., 2022, eq. 4): class maps times the sum over blocks of the patches' attention.

    Args:
        class_maps: (B, K, h, w).
        attentions: Head means (B, N, N) of each block; the last h * w of the N tokens are the patches.

    Returns:
        Tensor: (B, K, h, w).
    """
    patches = class_maps.shape[2] * class_maps.shape[3]
    affinity = sum(attention[:, -patches:, -patches:] for attention in attentions)
    return torch.einsum('bij,bkj->bki', affinity, class_maps.flatten(2)).view_as(class_maps)


def _check_pair(activation: Tensor, gradient: Tensor) -> None:
    if activation.ndim != 4 or activation.shape != gradient.shape:
        raise ValueError(
            f'Expected activation and gradient of one shape (B, C, h, w), '
            f'but got {tuple(activation.shape)} and {tuple(gradient.shape)}.'
        )


def scaled_inputs(inputs: Tensor, scale: float, divisor: int) -> Tensor:
    """Images at another scale, whose sides are rounded to multiples of a number, at least one.

    Args:
        inputs: (B, 3, H, W).
        scale: Factor on H and W.
        divisor: The number.
    """
    height, width = (max(round(side * scale / divisor), 1) * divisor for side in inputs.shape[2:])
    if (height, width) == tuple(inputs.shape[2:]):
        return inputs
    return F.interpolate(inputs, size=(height, width), mode='bilinear', align_corners=False)


def resize_cam(cam: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (B, C, h, w) resized to ``size`` (H, W), bilinear with ``align_corners=False``."""
    return F.interpolate(cam, size=size, mode='bilinear', align_corners=False)


def scale_by_max(cam: Tensor) -> Tensor:
    """Divide each non-negative map (..., h, w) by its maximum, so that it is in [0, 1]; an all-zero map stays zero.

    >>> scale_by_max(torch.tensor([[[2.0, 4.0]], [[0.0, 0.0]]])).tolist()
    [[[0.5, 1.0]], [[0.0, 0.0]]]
    """
    peak = cam.amax((-2, -1), keepdim=True)
    return cam / torch.where(peak > 0, peak, torch.ones_like(peak))


def scale_min_max(cam: Tensor, eps: float = 1e-7) -> Tensor:
    """Shift and scale each map (..., h, w) to [0, 1], as pytorch-grad-cam and the paper's code do."""
    cam = cam - cam.amin((-2, -1), keepdim=True)
    return cam / (cam.amax((-2, -1), keepdim=True) + eps)
