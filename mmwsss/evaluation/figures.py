"""Intersection over union: running sums of pixel counts, and the figures of a data set.

Three figures, always named: ``iou_image`` is the mean over images of the foreground IoU (what the method's paper calls
mIoU), ``iou_dataset`` the foreground IoU of the summed counts, ``miou`` the mean over classes with background (the
usual mIoU). All are shares in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mmwsss.datasets.metainfo import BACKGROUND
from mmwsss.evaluation.pixel_counts import PixelCounts
from mmwsss.utils.errors import InputError

ALARM_AREAS = (0.0, 0.01)  # share of the area above which a mask on an image without the class is a false alarm


def class_iou(counts: np.ndarray) -> np.ndarray:
    """IoU (..., C) of counts (..., 3, C) of intersection, predicted and true; NaN where a class is neither of these."""
    counts = np.asarray(counts, np.float64)
    intersection, pred, truth = counts[..., 0, :], counts[..., 1, :], counts[..., 2, :]
    union = pred + truth - intersection
    return np.where(union > 0, intersection / np.maximum(union, 1), np.nan)


class SegmentationFigures:
    """Figures of a data set from running sums: memory does not grow with the number of images.

    The three IoUs are over the images that show a class, as in the method's paper; ``all_images`` repeats the
    data-set-level ones over all, so that false alarms on the others count.

    An update costs as much as the image has classes, given and predicted.

    Args:
        classes: Names of the K foreground classes.
        num_thresholds: Number T of predictions of each image that are counted beside each other.
    """

    def __init__(self, classes: Sequence[str], num_thresholds: int = 1) -> None:
        self.classes = tuple(classes)
        size = len(self.classes) + 1
        self.num_images = self.num_positive = self.pixels = 0
        self._all = np.zeros((num_thresholds, 3, size), np.int64)
        self._positive = np.zeros_like(self._all)  # of the images that show a class
        self._iou_sum = np.zeros(num_thresholds)  # over pairs of an image and a class that it shows
        self._best_iou_sum = 0.0  # the same, each at its own best threshold
        self._pairs = 0
        # of each class: on all images, and on those that show it; their difference are its false alarms
        self._alarms = np.zeros((len(ALARM_AREAS), num_thresholds, size), np.int64)
        self._shown_alarms = np.zeros_like(self._alarms)
        self._shown_predicted = np.zeros((num_thresholds, size), np.int64)
        self._shown_images = np.zeros(size, np.int64)
        self._shown_pixels = np.zeros(size, np.int64)

    def update(self, counts: PixelCounts) -> None:
        """Add one image.

        Raises:
            ValueError: If the counts are of another number of thresholds, or of a class beyond the K.
        """
        values, table = counts.values, counts.table
        if len(table) != len(self._all) or (len(values) and values[-1] > len(self.classes)):
            raise InputError(
                f'Expected counts at {len(self._all)} thresholds of values up to {len(self.classes)}, '
                f'but got {len(table)} thresholds and the values {values.tolist()}.'
            )
        pixels = int(table[0, 2].sum())
        self.num_images += 1
        self.pixels += pixels
        self._all[..., values] += table
        alarms = np.stack([table[:, 1] > area * pixels for area in ALARM_AREAS])
        self._alarms[..., values] += alarms
        shown = (values > 0) & (table[0, 2] > 0)
        if not shown.any():
            return
        self.num_positive += 1
        self._positive[..., values] += table
        iou = class_iou(table[..., shown])  # the class is there: never NaN
        self._iou_sum += iou.sum(1)
        self._best_iou_sum += float(iou.max(0).sum())
        self._pairs += int(shown.sum())
        self._shown_alarms[..., values[shown]] += alarms[..., shown]
        self._shown_predicted[:, values[shown]] += table[:, 1, shown]
        self._shown_images[values[shown]] += 1
        self._shown_pixels[values[shown]] += pixels

    def merge(self, other: SegmentationFigures) -> None:
        """Add the images of another one, for example of another process.

        Raises:
            ValueError: If it has other classes or another number of thresholds.
        """
        if self.classes != other.classes or self._all.shape != other._all.shape:
            raise InputError(
                f'Expected figures of {self.classes} at {len(self._all)} thresholds, '
                f'but got {other.classes} at {len(other._all)}.'
            )
        for name, value in vars(other).items():
            if name != 'classes':
                setattr(self, name, getattr(self, name) + value)

    def image_iou(self) -> np.ndarray | None:
        """``iou_image`` at each threshold, (T,); None without an image that shows a class."""
        return self._iou_sum / self._pairs if self._pairs else None

    def best_image_iou(self) -> float | None:
        """``iou_image`` where each image and class has its own best threshold; None without any."""
        return self._best_iou_sum / self._pairs if self._pairs else None

    def class_ious(self) -> np.ndarray:
        """IoU of the counts summed over the images that show a class, (T, K + 1); NaN where there is nothing."""
        return class_iou(self._positive)

    def compute(self, index: int = 0) -> dict[str, Any]:
        """All figures at one threshold.

        Returns:
            dict: ``iou_image``, ``iou_dataset``, ``miou``, ``num_images``, ``per_class`` (IoU of the summed counts by
            name, with background), ``all_images`` and ``false_alarms`` (of the images without the class, mean over
            classes: share of their ``pixels``, of ``images`` with a mask, and of ``large_images`` with a mask of more
            than one percent of the area). A figure without any image is None.
        """
        image_iou = self.image_iou()
        return {
            **self._dataset_figures(self._positive[index], self.num_positive),
            'iou_image': None if image_iou is None else float(image_iou[index]),
            'all_images': self._dataset_figures(self._all[index], self.num_images),
            'false_alarms': self._false_alarms(index),
        }

    def _dataset_figures(self, table: np.ndarray, num_images: int) -> dict[str, Any]:
        per_class = class_iou(table)
        return {
            'iou_dataset': _mean(per_class[1:]),
            'miou': _mean(per_class),
            'num_images': num_images,
            'per_class': {
                name: None if np.isnan(value) else float(value)
                for name, value in zip((BACKGROUND, *self.classes), per_class)
            },
        }

    def _false_alarms(self, index: int) -> dict[str, float | None]:
        images = (self.num_images - self._shown_images)[1:]
        without = images > 0
        if not without.any():
            return {'pixels': None, 'images': None, 'large_images': None}
        pixels = (self.pixels - self._shown_pixels)[1:][without]
        predicted = (self._all[index, 1] - self._shown_predicted[index])[1:][without]
        alarms = (self._alarms[:, index] - self._shown_alarms[:, index])[:, 1:][:, without]
        of_any, of_large = (alarms / images[without]).mean(1)
        return {
            'pixels': float((predicted / np.maximum(pixels, 1)).mean()),
            'images': float(of_any),
            'large_images': float(of_large),
        }


def _mean(values: np.ndarray) -> float | None:
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else None


def segmentation_figures(counts: Iterable[PixelCounts], classes: Sequence[str]) -> dict[str, Any]:
    """Figures of a data set from the counts of its images; see :class:`SegmentationFigures`.

    >>> from mmwsss.evaluation import count_pixels
    >>> pred, truth = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 0, 255]])
    >>> segmentation_figures([count_pixels(pred, truth, 1)], ['smoke'])['iou_dataset']
    0.5
    """
    figures = SegmentationFigures(classes)
    for of_image in counts:
        figures.update(of_image)
    return figures.compute()
