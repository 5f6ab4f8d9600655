"""Epochs of a given length in which each part of a data set has a given share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmwsss.registry import DATA_SAMPLERS
from mmwsss.utils.errors import InputError


@DATA_SAMPLERS.register_module()
class ShareSampler(Sampler[int]):
    """Draw from the parts of a :class:`mmengine.dataset.ConcatDataset` by shares, whatever their sizes.

    A part is gone through in a shuffled order, again and again and across epochs, so that each of its images comes as
    often as any other. The draw depends on (seed, epoch) alone: a resumed run goes on as if it had never stopped.

    Args:
        dataset: The data set; one that has no ``datasets`` is a single part.
        epoch_size: Images an epoch, of all processes together.
        shares: Share of each part, in the order of its ``datasets``; by default all the same.
        seed: By default the run's.

    Raises:
        ValueError: If the shares are not one a part, positive and summing up to 1, or an epoch is too short.
    """

    def __init__(
        self, dataset: Any, epoch_size: int, shares: Sequence[float] | None = None, seed: int | None = None
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.sizes = [len(part) for part in getattr(dataset, 'datasets', [dataset])]
        shares = [1 / len(self.sizes)] * len(self.sizes) if shares is None else list(shares)
        if len(shares) != len(self.sizes) or min(shares) <= 0 or not np.isclose(sum(shares), 1):
            raise InputError(f'Expected {len(self.sizes)} positive shares that add up to 1, but got {shares}.')
        ends = np.round(np.cumsum(shares) * epoch_size).astype(int)
        self.counts = np.diff(ends, prepend=0).tolist()
        if min(self.counts) < 1 or epoch_size < self.world_size:
            raise InputError(f'Expected an epoch_size with an image of each part, but got {epoch_size}.')
        self.epoch_size = epoch_size // self.world_size * self.world_size
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Tell the epoch, counted from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.epoch_size // self.world_size

    def __iter__(self) -> Iterator[int]:
        """Indices of this process."""
        offsets = np.cumsum([0, *self.sizes[:-1]])
        parts = [offset + self._draw(part) for part, offset in enumerate(offsets)]
        order = np.random.default_rng([self.seed, 1, self.epoch]).permutation(np.concatenate(parts))
        yield from order[self.rank : self.epoch_size : self.world_size].tolist()

    def _draw(self, part: int) -> np.ndarray:
        """This epoch's piece of the endless row of a part's shuffled rounds."""
        size, start = self.sizes[part], self.epoch * self.counts[part]
        stop = start + self.counts[part]
        rounds = [
            np.random.default_rng([self.seed, 0, part, number]).permutation(size)
            for number in range(start // size, (stop - 1) // size + 1)
        ]
        first = start // size * size
        return np.concatenate(rounds)[start - first : stop - first]
