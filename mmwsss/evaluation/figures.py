"""Intersection over union: pixel counts of an image, and the figures of a data set.

Three figures, always named: ``iou_image`` is the mean over images of the foreground IoU (what the method's paper calls
mIoU), ``iou_dataset`` the foreground IoU of the summed counts, ``miou`` the mean over classes with background (the
usual mIoU). All are shares in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmwsss.datasets.metainfo import BACKGROUND, IGNORE_LABEL


def count_pixels(pred: np.ndarray, truth: np.ndarray, num_classes: int) -> np.ndarray:
    """Pixel counts of one image.

    Pixels that are :data:`IGNORE_LABEL` in the ground truth count nowhere; those that are it in the prediction (an
    ignore band) count as missed.

    Args:
        pred: integer (H, W), 0 background, k + 1 class k.
        truth: integer (H, W), likewise.
        num_classes: Number of foreground classes K.

    Returns:
        np.ndarray: int64 (3, K + 1): intersection, predicted pixels, true pixels.

    Raises:
        ValueError: If sizes differ or a value is neither a class nor the ignore label.

    >>> pred = np.array([[1, 1, 0, 0]])
    >>> truth = np.array([[1, 0, 0, 255]])
    >>> count_pixels(pred, truth, num_classes=1).tolist()  # columns: background, the class
    [[1, 1], [1, 2], [2, 1]]
    """
    if pred.shape != truth.shape or pred.ndim != 2:
        raise ValueError(
            f'Expected prediction and ground truth of one size (H, W), but got {pred.shape}, {truth.shape}.'
        )
    for name, value in (('prediction', pred), ('ground truth', truth)):
        odd = value[(value > num_classes) & (value != IGNORE_LABEL)]
        if odd.size:
            raise ValueError(f'Expected {name} values in [0, {num_classes}] or {IGNORE_LABEL}, but got {odd[0]}.')
    valid = truth != IGNORE_LABEL
    pred, truth = pred[valid], truth[valid]
    values = (pred[pred == truth], pred[pred != IGNORE_LABEL], truth)
    return np.stack([np.bincount(value.ravel(), minlength=num_classes + 1) for value in values]).astype(np.int64)


def class_iou(counts: np.ndarray) -> np.ndarray:
    """IoU of counts (..., 3, C); NaN where a class is neither predicted nor there.

    >>> class_iou(np.array([[1, 1], [1, 2], [2, 1]])).tolist()
    [0.5, 0.5]
    """
    counts = np.asarray(counts, np.float64)
    intersection, pred, truth = counts[..., 0, :], counts[..., 1, :], counts[..., 2, :]
    union = pred + truth - intersection
    return np.where(union > 0, intersection / np.maximum(union, 1), np.nan)


def _mean(values: np.ndarray) -> float | None:
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else None


def segmentation_figures(counts: Sequence[np.ndarray], classes: Sequence[str]) -> dict[str, Any]:
    """Figures of a data set.

    The three IoUs are over the images that show a class, as in the method's paper; ``all_images`` repeats the
    data-set-level ones over all, so that false alarms on the others count.

    Args:
        counts: One array of :func:`count_pixels` an image.
        classes: Names of the K foreground classes.

    Returns:
        dict: ``iou_image``, ``iou_dataset``, ``miou``, ``num_images``, ``per_class`` (IoU of the summed counts by name,
        with background), ``all_images`` and ``false_alarms`` (share of ``pixels`` and of ``images`` with a mask among
        the images without the class, mean over classes). A figure without any image is None.

    >>> pictures = [([[1, 1, 0]], [[1, 0, 0]]), ([[0, 0, 0]], [[0, 0, 0]])]
    >>> counts = [count_pixels(np.array(pred), np.array(truth), 1) for pred, truth in pictures]
    >>> figures = segmentation_figures(counts, ['smoke'])
    >>> figures['iou_image'], figures['miou'], figures['false_alarms']
    (0.5, 0.5, {'pixels': 0.0, 'images': 0.0})
    """
    table = np.stack(counts) if len(counts) else np.zeros((0, 3, len(classes) + 1), np.int64)
    shown = table[:, 2, 1:] > 0
    positive = table[shown.any(1)]
    figures = {**_dataset_figures(positive, classes), 'iou_image': _mean_image_iou(table, shown)}
    figures['all_images'] = _dataset_figures(table, classes)
    figures['false_alarms'] = _false_alarms(table, shown)
    return figures


def _mean_image_iou(table: np.ndarray, shown: np.ndarray) -> float | None:
    """Mean over every pair of an image and a class that it shows."""
    return _mean(class_iou(table)[:, 1:][shown])


def _dataset_figures(table: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    per_class = class_iou(table.sum(0))
    return {
        'iou_dataset': _mean(per_class[1:]),
        'miou': _mean(per_class),
        'num_images': len(table),
        'per_class': {
            name: None if np.isnan(value) else float(value) for name, value in zip((BACKGROUND, *classes), per_class)
        },
    }


def _false_alarms(table: np.ndarray, shown: np.ndarray) -> dict[str, float | None]:
    total = table[:, 2].sum(1)
    pixels, images = [], []
    for index in range(shown.shape[1]):
        without = ~shown[:, index]
        if without.any():
            predicted = table[without, 1, index + 1]
            pixels.append(predicted.sum() / max(total[without].sum(), 1))
            images.append((predicted > 0).mean())
    return {'pixels': float(np.mean(pixels)) if pixels else None, 'images': float(np.mean(images)) if images else None}


def all_foreground_counts(counts: np.ndarray) -> np.ndarray:
    """Counts of a prediction that calls every pixel foreground; the floor of a one-class data set.

    Args:
        counts: (3, 2), of any prediction on the image.
    """
    truth = counts[2]
    return np.array([[0, truth[1]], [0, truth.sum()], truth], np.int64)
