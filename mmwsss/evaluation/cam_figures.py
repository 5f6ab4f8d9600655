"""Figures of class activation maps: at a threshold, over all thresholds, and on what the class co-occurs with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.evaluation.figures import SegmentationFigures
from mmwsss.evaluation.pixel_counts import PixelCounts, as_labels, check_values, value_counts
from mmwsss.refine.dark_channel import dark_channel_ratio
from mmwsss.utils.errors import InputError
from mmwsss.utils.strips import row_strips

THRESHOLDS = np.arange(101) / 100
"""The paper's 101 thresholds."""


def place_of(threshold: float, thresholds: np.ndarray = THRESHOLDS) -> int:
    """Place of the nearest one among some thresholds."""
    return int(np.abs(thresholds - threshold).argmin())


def co_occurrence(cam: np.ndarray, context: np.ndarray) -> float | None:
    """Share of a map's energy that lies on a confounder, divided by the confounder's share of the area.

    1 means no attraction, more means that the map is drawn to it.

    Args:
        cam: float (H, W), non-negative.
        context: (H, W), non-zero on the confounder.

    Returns:
        None where the confounder is not in the picture or the map is empty.

    Raises:
        ValueError: If the sizes differ.

    >>> chimney = np.array([[1, 0, 0, 0]])
    >>> co_occurrence(np.array([[0.5, 0.5, 0.0, 0.0]]), chimney)  # half of the energy on a quarter of the area
    2.0
    """
    if cam.shape != context.shape:
        raise InputError(f'Expected map and context mask of one size, but got {cam.shape} and {context.shape}.')
    on = context != 0
    energy = float(cam.sum())
    if not on.any() or energy <= 0:
        return None
    return float(cam[on].sum() / energy / on.mean())


class _Mean:
    """A running mean."""

    def __init__(self) -> None:
        self.total, self.number = 0.0, 0

    def add(self, value: float | None) -> None:
        if value is not None:
            self.total, self.number = self.total + value, self.number + 1

    def value(self) -> float:
        return self.total / self.number


class CamFigures:
    """Figures of maps from running sums: memory does not grow with the number of images.

    An update costs as much as the image has classes, beside one pass over its pixels.

    Args:
        classes: Names of the K classes.
        context_by_class: Whether context masks have value k + 1 on what class k co-occurs with; else they are non-zero
            on what any class does.
    """

    def __init__(self, classes: Sequence[str], context_by_class: bool = False) -> None:
        self.classes, self.context_by_class = tuple(classes), context_by_class
        self._figures = SegmentationFigures(self.classes, len(THRESHOLDS))
        self._floor = SegmentationFigures(self.classes)
        self._co_occurrence: dict[int, _Mean] = {}  # by class
        self._dark_channel = _Mean()

    def update(
        self,
        cam: np.ndarray,
        classes: np.ndarray,
        truth: np.ndarray,
        context: np.ndarray | None = None,
        img: np.ndarray | None = None,
    ) -> PixelCounts:
        """Add one image; gives its counts at all thresholds.

        Args:
            cam: float (n, H, W) in [0, 1], of n classes.
            classes: int64 (n,), their ascending indices; other classes have no map, which is a map of zeros.
            truth: integer (H, W), 0 background, k + 1 class k.
            context: (H, W), non-zero on the confounder.
            img: uint8 (H, W, 3), for the dark-channel diagnostic.

        Raises:
            ValueError: If the sizes or the number of classes differ, or a value of the ground truth is none.
        """
        classes = np.asarray(classes, np.int64)
        if cam.shape != (len(classes), *truth.shape):
            raise InputError(f'Expected maps (n, H, W) = {(len(classes), *truth.shape)}, but got {cam.shape}.')
        ascending = (np.diff(classes) > 0).all()
        if len(classes) and (classes[0] < 0 or not ascending or classes[-1] >= len(self.classes)):
            raise InputError(
                f'Expected ascending class indices in [0, {len(self.classes) - 1}], but got {classes.tolist()}.'
            )
        truth = as_labels(truth, 'ground truth')
        there = value_counts(truth)
        check_values('ground truth', there, len(self.classes))
        counts = _threshold_counts(cam, classes, truth, np.flatnonzero(there[:IGNORE_LABEL]))
        self._figures.update(counts)
        if len(self.classes) == 1:
            self._floor.update(counts.all_foreground())
        for of_class, index in zip(cam, classes.tolist()):
            if not there[index + 1]:
                continue
            if context is not None:
                value = co_occurrence(of_class, context == index + 1 if self.context_by_class else context)
                if value is not None:
                    self._co_occurrence.setdefault(index, _Mean()).add(value)
            if img is not None:
                self._dark_channel.add(dark_channel_ratio(of_class, img))
        return counts

    @property
    def shows_a_class(self) -> bool:
        """Whether an image shows a class: without one, no threshold is better than another."""
        return self._figures.num_positive > 0

    def curve(self) -> dict[str, list[float]]:
        """``iou_image`` and ``iou_dataset`` at each of ``thresholds``, over the images that show a class.

        Raises:
            ValueError: If no image shows a class.
        """
        self._require_a_class()
        per_image = self._figures.image_iou()
        return {
            'thresholds': THRESHOLDS.tolist(),
            'iou_image': [] if per_image is None else per_image.tolist(),
            'iou_dataset': _mean_over_classes(self._figures.class_ious()[:, 1:]).tolist(),
        }

    def at(self, threshold: float) -> dict[str, Any]:
        """Figures of :class:`~mmwsss.evaluation.figures.SegmentationFigures` at one of the 101 thresholds."""
        return self._figures.compute(place_of(threshold))

    def best_threshold(self, figure: str = 'iou_dataset') -> float:
        """The threshold with the best figure. It is chosen on ground truth: report it as an oracle's.

        Args:
            figure: ``'iou_dataset'`` (foreground), or ``'miou'``, with background, the literature's of many classes.

        Raises:
            ValueError: If no image shows a class, or the figure is none of the two.
        """
        if figure not in ('iou_dataset', 'miou'):
            raise ValueError(f"Expected figure 'iou_dataset' or 'miou', but got {figure!r}.")
        self._require_a_class()
        per_class = self._figures.class_ious()
        values = _mean_over_classes(per_class if figure == 'miou' else per_class[:, 1:])
        return float(THRESHOLDS[int(np.argmax(values))])

    def compute(self, threshold: float) -> dict[str, Any]:
        """All figures of the maps.

        Args:
            threshold: Where the figures are taken.

        Returns:
            dict: figures at ``threshold``; ``oracle`` with ``threshold``, ``iou_dataset`` and ``miou`` (each at its
            best threshold of the set) and ``iou_image`` (best threshold of each image), chosen on this ground truth;
            all None where no image shows a class; ``co_occurrence``, and per class, where there were context masks;
            ``dark_channel_ratio`` where there were images (above 1: the maps prefer what looks hazy);
            ``floor_all_foreground`` for one class.
        """
        self._require_images()
        figures = {'threshold': threshold, **self.at(threshold), 'oracle': self._oracle()}
        if self._co_occurrence:
            every = _Mean()
            for of_class in self._co_occurrence.values():
                every.total, every.number = every.total + of_class.total, every.number + of_class.number
            figures['co_occurrence'] = every.value()
            figures['co_occurrence_per_class'] = {
                self.classes[index]: of_class.value() for index, of_class in sorted(self._co_occurrence.items())
            }
        if self._dark_channel.number:
            figures['dark_channel_ratio'] = self._dark_channel.value()
        if len(self.classes) == 1:
            floor = self._floor.compute()
            figures['floor_all_foreground'] = {key: floor[key] for key in ('iou_image', 'iou_dataset', 'miou')}
        return figures

    def _oracle(self) -> dict[str, float | None]:
        if not self.shows_a_class:
            return dict.fromkeys(('threshold', 'iou_dataset', 'miou', 'iou_image'))
        best = self.best_threshold()
        return {
            'threshold': best,
            'iou_dataset': self.at(best)['iou_dataset'],
            'miou': self.at(self.best_threshold('miou'))['miou'],
            'iou_image': self._figures.best_image_iou(),
        }

    def _require_images(self) -> None:
        if not self._figures.num_images:
            raise ValueError('Expected at least one image, but update was never called.')

    def _require_a_class(self) -> None:
        self._require_images()
        if not self.shows_a_class:
            raise InputError(
                f'Expected a mask that shows a class to choose a threshold on, but got {self._figures.num_images} '
                'images of background alone.'
            )


def _mean_over_classes(ious: np.ndarray) -> np.ndarray:
    """Mean of (T, C) over the classes that are not NaN; 0 where all are."""
    there = ~np.isnan(ious)
    return np.where(there, ious, 0).sum(1) / np.maximum(there.sum(1), 1)


def _threshold_counts(cam: np.ndarray, classes: np.ndarray, truth: np.ndarray, true_values: np.ndarray) -> PixelCounts:
    """Counts at every threshold from one histogram: a pixel is foreground while its best score is above it."""
    values = np.unique(np.concatenate([[0], classes + 1, true_values])).astype(np.int64)
    place = np.zeros(256, np.int64)  # of a value among those that occur
    place[values] = np.arange(len(values))
    num, size = len(THRESHOLDS), len(values)
    # pixels by number of thresholds below their score, and by value: predicted, hit, true
    histograms = np.zeros((3, (num + 1) * size), np.int64)
    for rows in row_strips(*truth.shape):
        valid = truth[rows] != IGNORE_LABEL
        true = place[truth[rows][valid]]
        if len(classes):
            scores = cam[:, rows][:, valid]
            label, best = place[classes + 1][scores.argmax(0)], scores.max(0)
        else:
            label, best = np.zeros_like(true), np.zeros(len(true))
        step = np.searchsorted(THRESHOLDS, best, side='left') * size
        hit = label == true
        for histogram, entries in zip(histograms, (step + label, (step + label)[hit], step + true)):
            histogram += np.bincount(entries, minlength=(num + 1) * size)
    tables = histograms.reshape(3, num + 1, size)
    true_pixels = tables[2].sum(0)
    # (101, m) each: pixels whose score is above each threshold
    pred, intersection, kept = (table[::-1].cumsum(0)[::-1][1:].copy() for table in tables)
    intersection[:, 0] = true_pixels[0] - kept[:, 0]  # what is not above is called background
    pred[:, 0] = true_pixels.sum() - pred[:, 1:].sum(1)
    return PixelCounts(values, np.stack([intersection, pred, np.broadcast_to(true_pixels, pred.shape)], axis=1))
