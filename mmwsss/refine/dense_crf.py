"""A fully connected CRF in PyTorch, for accelerators; on a CPU pydensecrf is faster."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from mmwsss.utils.errors import InputError


class PermutohedralLattice:
    """Gaussian filtering of values at scattered points (Adams et al., Eurographics 2010).

    Points are embedded in a lattice of simplices whose size is that of the Gaussian, splatted onto its corners, blurred
    along the lattice's d + 1 directions, and sliced back. Splatting and slicing are one sparse matrix and its
    transpose, so that sums have a fixed order and results are the same at every call.

    Args:
        features: (N, d) coordinates, in units of the Gaussian's standard deviation.
    """

    def __init__(self, features: Tensor) -> None:
        number, dims = features.shape
        self.dims = dims
        keys, weights = self._simplices(features.float())
        codes, self._radix = self._encode(keys)
        unique, inverse = torch.unique(codes, return_inverse=True)
        self._neighbours = self._find_neighbours(unique)
        points = torch.arange(number, device=features.device).repeat_interleave(dims + 1)
        indices = torch.stack([inverse, points])
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', 'Sparse')  # PyTorch calls the format young, and wants its checks named
            splat = torch.sparse_coo_tensor(indices, weights.flatten(), (len(unique), number)).coalesce()
            self._splat = splat.to_sparse_csr()
            self._slice = splat.t().coalesce().to_sparse_csr()

    def _simplices(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Corners (N * (d + 1), d) of the simplex around each point, and barycentric weights (N, d + 1)."""
        number, dims = features.shape
        axis = torch.arange(dims, device=features.device, dtype=torch.float32)
        scale = (dims + 1) * (2 / 3) ** 0.5 / ((axis + 1) * (axis + 2)).sqrt()
        scaled = features * scale
        sums = scaled.flip(1).cumsum(1).flip(1)  # of this and all later coordinates
        later = torch.cat([sums[:, 1:], torch.zeros_like(sums[:, :1])], 1)
        elevated = torch.cat([sums[:, :1], later - (axis + 1) * scaled], 1)

        nearest = torch.round(elevated / (dims + 1))
        excess = nearest.sum(1, keepdim=True)  # zero on the plane
        rest = elevated - nearest * (dims + 1)
        order = torch.argsort(rest, dim=1, descending=True, stable=True)
        rank = torch.empty_like(order).scatter_(
            1, order, torch.arange(dims + 1, device=features.device).expand(number, -1).contiguous()
        )
        rank = rank + excess.long()
        low, high = rank < 0, rank > dims
        nearest = nearest + low.float() - high.float()
        rank = torch.where(low, rank + dims + 1, torch.where(high, rank - dims - 1, rank))
        rest = (elevated - nearest * (dims + 1)) / (dims + 1)

        weights = torch.zeros(number, dims + 2, device=features.device)
        weights.scatter_add_(1, dims - rank, rest)
        weights.scatter_add_(1, dims + 1 - rank, -rest)
        weights[:, 0] += 1 + weights[:, dims + 1]
        corner = torch.arange(dims + 1, device=features.device)
        base = (nearest.long() * (dims + 1))[:, None, :dims]
        shift = torch.where(rank[:, None, :dims] <= dims - corner[:, None], corner[:, None], corner[:, None] - dims - 1)
        return (base + shift).reshape(-1, dims), weights[:, : dims + 1]

    def _encode(self, keys: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One integer for each corner, with room for its neighbours."""
        margin = self.dims + 1
        low = keys.amin(0) - margin
        sizes = keys.amax(0) + margin + 1 - low
        if float(sizes.double().prod()) >= 2**62:
            raise InputError(f'Expected coordinates within fewer standard deviations, but they span {sizes.tolist()}.')
        factors = torch.cat([sizes.flip(0).cumprod(0).flip(0)[1:], sizes.new_ones(1)])
        return ((keys - low) * factors).sum(1), (low, factors)

    def _find_neighbours(self, unique: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Places of both neighbours along each direction; the last place, a zero, where there is none."""
        _, factors = self._radix
        step = -factors.sum()
        found = []
        for direction in range(self.dims + 1):
            jump = step + (self.dims + 1) * factors[direction] if direction < self.dims else step
            pair = []
            for sign in (1, -1):
                wanted = unique + sign * jump
                place = torch.searchsorted(unique, wanted).clamp(max=len(unique) - 1)
                pair.append(torch.where(unique[place] == wanted, place, torch.full_like(place, len(unique))))
            found.append((pair[0], pair[1]))
        return found

    def filter(self, values: Tensor) -> Tensor:
        """Blur values (N, C); the filter's gain is not one, so normalise by what it makes of ones."""
        lattice = self._splat @ values
        for one, other in self._neighbours:
            padded = torch.cat([lattice, lattice.new_zeros(1, lattice.shape[1])])
            lattice = lattice + 0.5 * (padded[one] + padded[other])
        return self._slice @ lattice / (1 + 2.0**-self.dims)


class _Kernel:
    """A Gaussian kernel with symmetric normalisation, as pydensecrf has it by default."""

    def __init__(self, features: Tensor, compat: float) -> None:
        self.lattice, self.compat = PermutohedralLattice(features), compat
        gain = self.lattice.filter(torch.ones(len(features), 1, device=features.device))
        self.norm = (gain + 1e-20).rsqrt()

    def message(self, probabilities: Tensor) -> Tensor:
        return self.compat * self.norm * self.lattice.filter(self.norm * probabilities)


@torch.no_grad()
def dense_crf(
    img: np.ndarray,
    probabilities: np.ndarray,
    num_iters: int,
    gaussian: Mapping[str, float],
    bilateral: Mapping[str, float],
    device: str | torch.device = 'cpu',
) -> np.ndarray:
    """Mean-field posteriors of a fully connected CRF with Potts compatibility (Krähenbühl and Koltun, NeurIPS 2011).

    Args:
        img: uint8 RGB (H, W, 3).
        probabilities: float (n, H, W), summing to one over n labels.
        num_iters: Mean-field iterations.
        gaussian: ``sxy`` (pixels) and ``compat`` of the smoothness kernel.
        bilateral: ``sxy`` (pixels), ``srgb`` (grey levels) and ``compat`` of the appearance kernel.
        device: Where to compute.

    Returns:
        np.ndarray: float32 (n, H, W).

    Raises:
        ValueError: If the picture spans too many standard deviations for the lattice.
    """
    labels, height, width = probabilities.shape
    axes = [torch.arange(side, device=device, dtype=torch.float32) for side in (height, width)]
    y, x = (grid.reshape(-1, 1) for grid in torch.meshgrid(*axes, indexing='ij'))
    place = torch.cat([x, y], 1)
    colour = torch.from_numpy(np.ascontiguousarray(img)).to(device).float().reshape(-1, 3)
    kernels = [
        _Kernel(place / gaussian['sxy'], gaussian['compat']),
        _Kernel(torch.cat([place / bilateral['sxy'], colour / bilateral['srgb']], 1), bilateral['compat']),
    ]
    scores = torch.from_numpy(np.ascontiguousarray(probabilities)).to(device).float()
    log_unary = scores.reshape(labels, -1).t().clamp(1e-5, 1.0).log()  # pydensecrf's own lower bound
    current = log_unary.softmax(1)
    for _ in range(num_iters):
        current = (log_unary + sum(kernel.message(current) for kernel in kernels)).softmax(1)
    return current.t().reshape(labels, height, width).cpu().numpy()
