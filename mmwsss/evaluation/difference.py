"""The difference of two ways over the same images and seeds, with an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmwsss.evaluation.figures import class_iou
from mmwsss.evaluation.pixel_counts import PixelCounts
from mmwsss.utils.errors import InputError

FIGURES = ('iou_dataset', 'miou', 'false_alarms')
"""What can be compared: see :func:`paired_difference`."""
ImageCounts = Mapping[str, PixelCounts]
"""Counts of one run's masks by image."""


def counts_by_image(rows: Sequence[Mapping[str, Any]]) -> dict[str, PixelCounts]:
    """Counts by path of the image, of the rows that :class:`~mmwsss.evaluation.metric.WeakSegMetric` writes."""
    return {row['img_path']: PixelCounts.from_list(row['counts']) for row in rows}


@dataclass(frozen=True)
class Difference:
    """A figure of two ways, and how much the second one is above the first.

    Attributes:
        figure: One of :data:`FIGURES`.
        first: Mean over seeds, in [0, 1].
        second: Likewise.
        low: Lower end of the interval of ``second - first``.
        high: Upper end.
        seeds: Number of pairs of runs.
        images: Number of images, of all seeds where each has its own.
        blocks: Number of blocks that images were drawn in.
    """

    figure: str
    first: float
    second: float
    low: float
    high: float
    seeds: int
    images: int
    blocks: int

    @property
    def effect(self) -> float:
        """``second - first``."""
        return self.second - self.first

    @property
    def verdict(self) -> str:
        """``'higher'`` or ``'lower'`` where the interval is on one side of zero, else ``'not decided'``."""
        return 'higher' if self.low > 0 else 'lower' if self.high < 0 else 'not decided'

    def sentence(self) -> str:
        """All of it in one line, in percent."""
        return (
            f'{self.figure}: {100 * self.first:.1f} and {100 * self.second:.1f}, difference {100 * self.effect:+.1f} '
            f'({100 * self.low:+.1f} to {100 * self.high:+.1f}): {self.verdict}; {self.seeds} seeds, {self.images} '
            f'images in {self.blocks} blocks'
        )


def paired_difference(
    first: Sequence[ImageCounts],
    second: Sequence[ImageCounts],
    blocks: Mapping[str, str],
    num_classes: int,
    figure: str = 'iou_dataset',
    draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Difference:
    """A percentile bootstrap of a paired difference (Efron and Tibshirani, 1993, chapters 13 and 16).

    A draw takes blocks of images with replacement, the same for both ways, and seeds with replacement, the two runs of
    a seed together. Seeds have all the same images, and then the same blocks of a draw, or each its own (scenes that
    were generated for it), and then each its own blocks. One seed says nothing about other seeds: its interval is that
    of images alone.

    Args:
        first: By seed, the counts of each image.
        second: Likewise, seeds in the same order.
        blocks: Block of each image: what is alike is drawn together, such as the crops of one photo.
        num_classes: Number of foreground classes K.
        figure: ``'iou_dataset'``, IoU of the counts summed over the images that show a class, mean over classes;
            ``'miou'``, likewise with background; ``'false_alarms'``, share of the pixels of images without a class
            that are marked as it, mean over classes.
        draws: Number of draws.
        confidence: Of the interval.
        seed: Of the draws.

    Raises:
        ValueError: If there is no such figure, numbers of runs differ or are 0, the runs of a pair are of other images,
            seeds have some images in common and some not, an image has no block, or there are fewer than two blocks.
    """
    if figure not in FIGURES:
        raise InputError(f'Expected a figure of {FIGURES}, but got {figure!r}.')
    if not first or len(first) != len(second):
        raise InputError(f'Expected as many runs of both, at least one, but got {len(first)} and {len(second)}.')
    names = [sorted(run) for run in first]
    for mine, one, other in zip(names, first, second):
        odd = sorted(set(one) ^ set(other))
        if odd:
            raise InputError(f'Expected pairs of runs of the same images, but {len(odd)} are only in one: {odd[0]}.')
        lost = [name for name in mine if name not in blocks]
        if lost:
            raise InputError(f'Expected a block of every image, but {lost[0]} has none.')
    shared = all(mine == names[0] for mine in names)
    if not shared and len(set().union(*names)) < sum(map(len, names)):
        raise InputError('Expected seeds with the same images, or with none in common, but some have some in common.')
    rng = np.random.default_rng(seed)
    drawn, values = [], []
    numbers: list[int] = []
    weights: Any = None
    for mine, pair in zip(names, zip(first, second)):
        _, member = np.unique([blocks[name] for name in mine], return_inverse=True)
        number = int(member.max()) + 1
        if number < 2:
            raise InputError(f'Expected images of two blocks or more, but all {len(mine)} are of one.')
        sums = np.stack([_block_sums(run, mine, member, num_classes, figure) for run in pair])
        if not numbers or not shared:
            weights = rng.multinomial(number, np.full(number, 1 / number), draws)  # how often a block is drawn
        drawn.append(_figure(np.einsum('db,rbij->drij', weights, sums), figure))
        values.append(_figure(sums.sum(1), figure))
        numbers.append(number)
    effects = np.stack([after - before for before, after in (one.T for one in drawn)], 1)
    seeds = rng.integers(0, len(first), (draws, len(first)))
    effects = np.take_along_axis(effects, seeds, 1).mean(1)
    low, high = np.nanquantile(effects, [(1 - confidence) / 2, (1 + confidence) / 2])
    means = np.mean(values, 0)
    return Difference(
        figure,
        float(means[0]),
        float(means[1]),
        float(low),
        float(high),
        len(first),
        len(names[0]) if shared else sum(map(len, names)),
        numbers[0] if shared else sum(numbers),
    )


def _block_sums(
    run: ImageCounts, names: Sequence[str], member: np.ndarray, num_classes: int, figure: str
) -> np.ndarray:
    """Counts (blocks, 3, K + 1), summed over the images that the figure is about.

    Those of false alarms have, of each class, only what is predicted in images without it, and their pixels as true.
    """
    sums = np.zeros((int(member.max()) + 1, 3, num_classes + 1), np.int64)
    for name, block in zip(names, member):
        counts = run[name]
        if len(counts.values) and counts.values[-1] > num_classes:
            raise InputError(f'Expected values up to {num_classes}, but got {counts.values[-1]} in {name}.')
        table = np.zeros((3, num_classes + 1), np.int64)
        table[:, counts.values] = counts.table[0]
        if figure == 'false_alarms':
            absent = table[2] == 0
            sums[block, 1] += np.where(absent, table[1], 0)
            sums[block, 2] += np.where(absent, table[2].sum(), 0)
        elif table[2, 1:].any():
            sums[block] += table
    return sums


def _figure(sums: np.ndarray, figure: str) -> np.ndarray:
    """The figure (...) of summed counts (..., 3, K + 1); NaN where nothing was drawn that it is about."""
    if figure == 'false_alarms':
        predicted, pixels = sums[..., 1, 1:], sums[..., 2, 1:]
        values = np.where(pixels > 0, predicted / np.maximum(pixels, 1), np.nan)
    else:
        values = class_iou(sums)[..., 0 if figure == 'miou' else 1 :]
    there = ~np.isnan(values)
    return np.where(there.any(-1), np.where(there, values, 0).sum(-1) / np.maximum(there.sum(-1), 1), np.nan)
