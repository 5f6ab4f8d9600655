"""Affinities of all patches of a picture by their features, and the spreading of maps over them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def patch_affinity(feature: Tensor, threshold: float = 0.1, exponent: float = 4.0, center: bool = True) -> Tensor:
    r"""How alike the features of every two patches are: :math:`\max(\cos(f_i, f_j) - \tau, 0)^\beta`.

    Memory grows with the square of the number of patches: 784 patches (448 pixels in patches of 16) take 2.3 MiB, 4,096
    take 64 MiB.

    Args:
        feature: (D, h, w).
        threshold: :math:`\tau` in [-1, 1).
        exponent: :math:`\beta`; larger ones follow strong affinities only.
        center: Subtract the mean over the patches first. Features that end in a ReLU are all alike without it.

    Returns:
        Tensor: float32 (h * w, h * w), symmetric, in [0, 1] where ``threshold`` is not negative.
    """
    vectors = feature.float().flatten(1).T
    if center:
        vectors = vectors - vectors.mean(0)
    vectors = F.normalize(vectors, dim=1)
    return (vectors @ vectors.T - threshold).clamp(min=0) ** exponent


def transition_matrix(affinity: Tensor, balance: int = 0) -> Tensor:
    """The affinities with rows that sum to one: a patch becomes a mean of what it is like.

    Args:
        affinity: (N, N), non-negative. A patch without any affinity stays as it is.
        balance: Rounds in which first the columns, then the rows are made to sum to one (Sinkhorn): many like patches
            then count no more than few. CLIP-ES takes three.

    Returns:
        Tensor: (N, N).
    """
    empty = affinity.sum(1) == 0
    matrix = affinity + torch.diag(empty.to(affinity))
    for _ in range(balance):
        matrix = matrix / matrix.sum(0, keepdim=True).clamp(min=torch.finfo(matrix.dtype).tiny)
        matrix = matrix / matrix.sum(1, keepdim=True)
    return matrix / matrix.sum(1, keepdim=True)


def propagate(maps: Tensor, transition: Tensor, alpha: float = 0.9, num_steps: int = 10) -> Tensor:
    r"""Spread maps: :math:`M \leftarrow (1 - \alpha) M_0 + \alpha P M`, from :math:`M = M_0` on.

    Args:
        maps: :math:`M_0` (K, h, w).
        transition: P, of :func:`transition_matrix`.
        alpha: Share of the spread maps in [0, 1]: 1 is a random walk that forgets where it began.
        num_steps: How often.

    Returns:
        Tensor: (K, h, w), within the range of ``maps``.

    Raises:
        ValueError: If the sizes do not fit.
    """
    positions = maps.shape[1] * maps.shape[2]
    if tuple(transition.shape) != (positions, positions):
        raise ValueError(
            f'Expected a transition matrix of {(positions, positions)}, but got {tuple(transition.shape)}.'
        )
    first = maps.flatten(1).T.to(transition)
    spread = first
    for _ in range(num_steps):
        spread = (1 - alpha) * first + alpha * (transition @ spread)
    return spread.T.reshape(maps.shape)
