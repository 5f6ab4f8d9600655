"""Tells transforms which epoch it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmwsss.datasets.transforms.seeded import SeededTransform
from mmwsss.registry import HOOKS
from mmwsss.utils.errors import InputError

_INSIDE = ('dataset', 'datasets', 'pipeline', 'transforms')


def seeded_transforms(node: Any) -> Iterator[SeededTransform]:
    """Every seeded transform of a data set: of its pipeline, of data sets that it wraps, of transforms that wrap."""
    if isinstance(node, SeededTransform):
        yield node
    if isinstance(node, (list, tuple)):
        for item in node:
            yield from seeded_transforms(item)
        return
    for name in _INSIDE:
        inside = getattr(node, name, None)
        if inside is not None:
            yield from seeded_transforms(inside)


@HOOKS.register_module()
class SetEpochHook(Hook):
    """Tell the epoch to the transforms of the training set that draw by it.

    Needed for :class:`~mmwsss.datasets.transforms.PastePlume` and every other seeded transform.

    Raises:
        ValueError: If the loop has no epochs: every image would look the same at each visit.
    """

    def before_train(self, runner: Runner) -> None:
        """Refuse a loop that counts iterations."""
        if not isinstance(runner.train_loop, EpochBasedTrainLoop) and any(self._transforms(runner)):
            raise InputError(
                f'Expected an EpochBasedTrainLoop for transforms that draw by the epoch, '
                f'but got {type(runner.train_loop).__name__}.'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell it, before the loader starts its workers."""
        for transform in self._transforms(runner):
            transform.set_epoch(runner.epoch)

    @staticmethod
    def _transforms(runner: Runner) -> Iterator[SeededTransform]:
        return seeded_transforms(runner.train_dataloader.dataset)
