"""Affinities of neighbouring positions, and the random walk over them, as pure functions.

Everything is sparse: memory grows with positions times neighbours, never with positions squared.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor


def neighbour_offsets(radius: int) -> list[tuple[int, int]]:
    """Steps (dy, dx) to the neighbours nearer than ``radius`` that lie after a position in reading order.

    Radius 5 gives 34 of them; the other half is the same pairs seen from the other side.

    Raises:
        ValueError: If the radius is below 2, which leaves no neighbour.
    """
    if radius < 2:
        raise ValueError(f'Expected radius >= 2, but got {radius}.')
    reach = range(-radius + 1, radius)
    return [
        (dy, dx) for dy in range(radius) for dx in reach if (dy > 0 or dx > 0) and dy * dy + dx * dx < radius * radius
    ]


def _slices(dy: int, dx: int, height: int, width: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where both ends of a step are inside the grid: the first end, and the second."""
    rows, columns = max(height - dy, 0), max(width - abs(dx), 0)
    left = max(-dx, 0)
    first = (slice(0, rows), slice(left, left + columns))
    second = (slice(dy, dy + rows), slice(left + dx, left + dx + columns))
    return first, second


def neighbour_affinity(feature: Tensor, radius: int) -> list[Tensor]:
    r"""Affinity :math:`\exp(-\frac{1}{D} \lVert f_i - f_j \rVert_1)` of every pair of neighbours.

    Source: AffinityNet (Ahn and Kwak, CVPR 2018, eq. 2).

    Args:
        feature: (B, D, h, w).
        radius: See :func:`neighbour_offsets`.

    Returns:
        For each offset (B, rows, columns): the pairs whose both ends are inside the grid.
    """
    height, width = feature.shape[2:]
    found = []
    for dy, dx in neighbour_offsets(radius):
        first, second = _slices(dy, dx, height, width)
        difference = feature[:, :, first[0], first[1]] - feature[:, :, second[0], second[1]]
        found.append(torch.exp(-difference.abs().mean(1)))
    return found


def pair_labels(labels: Tensor, radius: int, ignore: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Which pairs of neighbours are both background, both one class, or of different labels.

    Args:
        labels: integer (B, h, w); 0 is background.
        radius: See :func:`neighbour_offsets`.
        ignore: Pairs with this label at an end are none of the three.

    Returns:
        For each offset three bool (B, rows, columns).
    """
    height, width = labels.shape[1:]
    found = []
    for dy, dx in neighbour_offsets(radius):
        first, second = _slices(dy, dx, height, width)
        one, other = labels[:, first[0], first[1]], labels[:, second[0], second[1]]
        valid = (one != ignore) & (other != ignore)
        same = valid & (one == other)
        found.append((same & (one == 0), same & (one != 0), valid & (one != other)))
    return found


def affinity_loss(feature: Tensor, labels: Tensor, radius: int, ignore: int, eps: float = 1e-5) -> Tensor:
    """Cross-entropy of affinities: background pairs / 4 + class pairs / 4 + differing pairs / 2, each a mean.

    Source: AffinityNet (CVPR 2018, eq. 6). The means are over all pairs of all images; a kind without pairs counts 0.

    Args:
        feature: (B, D, h, w).
        labels: integer (B, h, w); 0 is background.
        radius: See :func:`neighbour_offsets`.
        ignore: Label of positions that are left out.
        eps: Added inside the logarithms.

    Returns:
        Tensor: scalar.
    """
    sums = [feature.new_zeros(()) for _ in range(3)]
    counts = [feature.new_zeros(()) for _ in range(3)]
    pairs = pair_labels(labels, radius, ignore)
    for affinity, kinds in zip(neighbour_affinity(feature.float(), radius), pairs):
        for kind, chosen in enumerate(kinds):
            value = 1 + eps - affinity if kind == 2 else affinity + eps
            sums[kind] = sums[kind] - (value.log() * chosen).sum()
            counts[kind] = counts[kind] + chosen.sum()
    background, classes, different = (total / count.clamp(min=1) for total, count in zip(sums, counts))
    return background / 4 + classes / 4 + different / 2


def affinity_matrix(feature: Tensor, radius: int) -> sparse.csr_array:
    """The symmetric affinities of all neighbours of one image, 1 on the diagonal.

    Args:
        feature: (D, h, w).
        radius: See :func:`neighbour_offsets`.

    Returns:
        csr_array: (h * w, h * w).
    """
    height, width = feature.shape[1:]
    index = np.arange(height * width).reshape(height, width)
    rows, columns, values = [], [], []
    for (dy, dx), affinity in zip(neighbour_offsets(radius), neighbour_affinity(feature[None], radius)):
        first, second = _slices(dy, dx, height, width)
        rows.append(index[first].ravel())
        columns.append(index[second].ravel())
        values.append(affinity[0].detach().cpu().double().numpy().ravel())
    joined = (np.concatenate(part) for part in (values, rows, columns))
    value, row, column = joined
    half = sparse.coo_array((value, (row, column)), shape=(index.size, index.size))
    return (half + half.T + sparse.identity(index.size)).tocsr()


def random_walk(
    cam: np.ndarray, affinity: sparse.csr_array | np.ndarray, beta: float, num_squarings: int
) -> np.ndarray:
    """Spread maps over what has affinity.

    The transition matrix T is ``affinity ** beta`` with columns that sum to one; the maps are multiplied by T
    ``2 ** num_squarings`` times, which equals squaring T so often but keeps it sparse.

    Source: AffinityNet (CVPR 2018, eq. 3 and 4).

    Args:
        cam: (K, h, w).
        affinity: (h * w, h * w), non-negative.
        beta: Exponent; larger ones follow strong affinities only.
        num_squarings: 0 is one step.

    Returns:
        np.ndarray: (K, h, w), of the type of ``cam``.

    Raises:
        ValueError: If the sizes do not fit.
    """
    positions = cam.shape[1] * cam.shape[2]
    if affinity.shape != (positions, positions):
        raise ValueError(f'Expected an affinity of {(positions, positions)}, but got {tuple(affinity.shape)}.')
    powered = sparse.csr_array(affinity).astype(np.float64).power(beta)
    scale = 1 / np.maximum(powered.sum(0), np.finfo(np.float64).tiny)
    transition = (powered @ sparse.diags_array(np.asarray(scale).ravel())).T.tocsr()  # maps stand as columns below
    walked = cam.reshape(len(cam), -1).T.astype(np.float64)
    for _ in range(2**num_squarings):
        walked = transition @ walked
    return walked.T.reshape(cam.shape).astype(cam.dtype)
