"""Figures of class activation maps: at a threshold, over all thresholds, and on what the class co-occurs with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.evaluation.figures import all_foreground_counts, class_iou, segmentation_figures
from mmwsss.refine.dark_channel import dark_channel_ratio

THRESHOLDS = np.arange(101) / 100
"""The paper's 101 thresholds."""


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
        raise ValueError(f'Expected map and context mask of one size, but got {cam.shape} and {context.shape}.')
    on = context != 0
    energy = float(cam.sum())
    if not on.any() or energy <= 0:
        return None
    return float(cam[on].sum() / energy / on.mean())


class CamFigures:
    """Collects maps image by image.

    Args:
        classes: Names of the K classes.
        context_by_class: Whether context masks have value k + 1 on what class k co-occurs with; else they are non-zero
            on what any class does.
    """

    def __init__(self, classes: Sequence[str], context_by_class: bool = False) -> None:
        self.classes, self.context_by_class = tuple(classes), context_by_class
        self._counts: list[np.ndarray] = []  # an image: (101, 3, K + 1)
        self._co_occurrence: dict[int, list[float]] = {}
        self._dark_channel: list[float] = []

    def update(
        self, cam: np.ndarray, truth: np.ndarray, context: np.ndarray | None = None, img: np.ndarray | None = None
    ) -> None:
        """Add one image.

        Args:
            cam: float (K, H, W) in [0, 1]; zero for classes that are not in the image.
            truth: integer (H, W), 0 background, k + 1 class k.
            context: (H, W), non-zero on the confounder.
            img: uint8 (H, W, 3), for the dark-channel diagnostic.

        Raises:
            ValueError: If the sizes or the number of classes differ.
        """
        if cam.shape != (len(self.classes), *truth.shape):
            raise ValueError(f'Expected maps (K, H, W) = {(len(self.classes), *truth.shape)}, but got {cam.shape}.')
        self._counts.append(self._threshold_counts(cam, truth))
        for index in np.unique(truth):
            if index in (0, IGNORE_LABEL):
                continue
            if context is not None:
                value = co_occurrence(cam[index - 1], context == index if self.context_by_class else context)
                if value is not None:
                    self._co_occurrence.setdefault(int(index) - 1, []).append(value)
            if img is not None:
                value = dark_channel_ratio(cam[index - 1], img)
                self._dark_channel += [] if value is None else [value]

    def _threshold_counts(self, cam: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Counts at every threshold from one histogram: a pixel is foreground while its best score is above it."""
        valid = truth != IGNORE_LABEL
        best, label, truth = cam.max(0)[valid], cam.argmax(0)[valid] + 1, truth[valid]
        step = np.searchsorted(THRESHOLDS, best, side='left')  # number of thresholds below the score
        num, size = len(THRESHOLDS), len(self.classes) + 1

        def above(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
            table = np.bincount(steps * size + values, minlength=(num + 1) * size).reshape(num + 1, size)
            return table[::-1].cumsum(0)[::-1][1:]  # (101, K + 1): pixels whose score is above each threshold

        pred = above(label, step)
        hit = label == truth
        intersection = above(label[hit], step[hit])
        true_pixels = np.bincount(truth, minlength=size)
        kept = above(truth, step)  # what is left is called background
        intersection[:, 0] = true_pixels[0] - kept[:, 0]
        pred[:, 0] = truth.size - pred[:, 1:].sum(1)
        return np.stack([intersection, pred, np.broadcast_to(true_pixels, pred.shape)], axis=1)

    def _foreground_iou(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Foreground IoU (N, 101, K), which classes each image shows (N, K), and the table (N, 101, 3, K + 1)."""
        if not self._counts:
            raise ValueError('Expected at least one image, but update was never called.')
        table = np.stack(self._counts)
        return class_iou(table)[..., 1:], table[:, 0, 2, 1:] > 0, table

    def curve(self) -> dict[str, list[float]]:
        """``iou_image`` and ``iou_dataset`` at each of ``thresholds``, over the images that show a class."""
        iou, shown, table = self._foreground_iou()
        per_image = np.nanmean(iou.transpose(0, 2, 1)[shown], axis=0) if shown.any() else np.zeros(len(THRESHOLDS))
        summed = class_iou(table[shown.any(1)].sum(0))[:, 1:]
        per_set = np.nan_to_num(np.nanmean(summed, axis=1)) if shown.any() else np.zeros(len(THRESHOLDS))
        return {
            'thresholds': THRESHOLDS.tolist(),
            'iou_image': per_image.tolist(),
            'iou_dataset': per_set.tolist(),
        }

    def at(self, threshold: float) -> dict[str, Any]:
        """Figures of :func:`~mmwsss.evaluation.figures.segmentation_figures` at one of the 101 thresholds."""
        index = int(np.abs(THRESHOLDS - threshold).argmin())
        return segmentation_figures([counts[index] for counts in self._counts], self.classes)

    def best_threshold(self, figure: str = 'iou_dataset') -> float:
        """The threshold with the best figure; chosen on ground truth, so say so wherever it is used.

        Args:
            figure: ``'iou_dataset'`` (foreground), or ``'miou'``, with background, the literature's of many classes.
        """
        if figure not in ('iou_dataset', 'miou'):
            raise ValueError(f"Expected figure 'iou_dataset' or 'miou', but got {figure!r}.")
        if figure == 'iou_dataset':
            return float(THRESHOLDS[int(np.argmax(self.curve()['iou_dataset']))])
        _, shown, table = self._foreground_iou()
        summed = class_iou(table[shown.any(1)].sum(0))
        return float(THRESHOLDS[int(np.argmax(np.nan_to_num(np.nanmean(summed, axis=1))))])

    def compute(self, threshold: float) -> dict[str, Any]:
        """All figures of the maps.

        Args:
            threshold: Where the figures are taken.

        Returns:
            dict: figures at ``threshold``; ``oracle`` with ``threshold``, ``iou_dataset`` and ``miou`` (each at its
            best threshold of the set) and ``iou_image`` (best threshold of each image), chosen on this ground truth;
            ``co_occurrence``, and per class, where there were context masks; ``dark_channel_ratio`` where there were
            images (above 1: the maps prefer what looks hazy); ``floor_all_foreground`` for one class.
        """
        figures = {'threshold': threshold, **self.at(threshold)}
        best = self.best_threshold()
        iou, shown, _ = self._foreground_iou()
        per_image = iou.transpose(0, 2, 1)[shown].max(1)
        figures['oracle'] = {
            'threshold': best,
            'iou_dataset': self.at(best)['iou_dataset'],
            'miou': self.at(self.best_threshold('miou'))['miou'],
            'iou_image': float(per_image.mean()) if per_image.size else None,
        }
        if self._co_occurrence:
            values = [value for of_class in self._co_occurrence.values() for value in of_class]
            figures['co_occurrence'] = float(np.mean(values))
            figures['co_occurrence_per_class'] = {
                self.classes[index]: float(np.mean(of_class)) for index, of_class in sorted(self._co_occurrence.items())
            }
        if self._dark_channel:
            figures['dark_channel_ratio'] = float(np.mean(self._dark_channel))
        if len(self.classes) == 1:
            floor = segmentation_figures([all_foreground_counts(counts[0]) for counts in self._counts], self.classes)
            figures['floor_all_foreground'] = {key: floor[key] for key in ('iou_image', 'iou_dataset', 'miou')}
        return figures
