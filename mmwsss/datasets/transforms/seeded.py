"""Random transforms whose draws depend on seed, epoch and image alone."""

from __future__ import annotations

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmwsss.utils.errors import InputError


class SeededTransform(BaseTransform):
    """Base of random transforms that give an image the same draw in a resumed run and with any number of workers.

    The generator of an image comes from ``(seed, epoch, sample_idx)``. The data set gives ``sample_idx``; the epoch
    comes from :class:`~mmwsss.engine.hooks.SetEpochHook`, or whoever calls :meth:`set_epoch`, and lies in shared
    memory, so that workers that live for several epochs see it too.

    Args:
        seed: Seed of the transform; two transforms of one pipeline draw differently by their names too.

    Raises:
        ValueError: From :meth:`generator`, where nobody told the epoch.
    """

    def __init__(self, seed: int = 0) -> None:
        if seed < 0:
            raise InputError(f'Expected seed >= 0, but got {seed}.')
        self.seed = seed
        self._epoch = torch.full((1,), -1, dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Tell the epoch, counted from 0, before the loader's workers start on it."""
        self._epoch[0] = epoch

    def generator(self, results: dict) -> np.random.Generator:
        """The random generator of an image in the present epoch."""
        epoch = int(self._epoch[0])
        name = type(self).__name__
        if epoch < 0:
            raise InputError(
                f'Expected {name} to know the epoch, but nobody told it: add dict(type="mmwsss.SetEpochHook") to '
                'custom_hooks, or call set_epoch.'
            )
        if 'sample_idx' not in results:
            raise InputError(f'Expected sample_idx in the results for {name}, but got {sorted(results)}.')
        return np.random.default_rng([*name.encode(), self.seed, epoch, int(results['sample_idx'])])
