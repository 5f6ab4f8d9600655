"""Pixels of one image: how many are hit, predicted and true, of the classes that occur in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.utils.errors import InputError
from mmwsss.utils.strips import row_strips


@dataclass(frozen=True)
class PixelCounts:
    """Pixel counts of one image, of the values that occur in it.

    Attributes:
        values: int64 (m,), ascending; 0 background, k + 1 class k.
        table: int64 (T, 3, m): intersection, predicted pixels, true pixels, at each of T thresholds (1 for a mask).
    """

    values: np.ndarray
    table: np.ndarray

    def to_list(self, index: int = 0) -> list[list[int]]:
        """Rows [value, intersection, predicted, true] of the counts at one of the thresholds, for JSON."""
        return np.concatenate([self.values[None], self.table[index]]).T.tolist()

    @classmethod
    def from_list(cls, rows: Sequence[Sequence[int]]) -> PixelCounts:
        """From what :meth:`to_list` gave."""
        array = np.array(rows, np.int64).reshape(-1, 4)
        return cls(array[:, 0], array[:, 1:].T[None])

    def all_foreground(self) -> PixelCounts:
        """Counts of a prediction that calls every pixel of the only class; the floor of a one-class data set."""
        true = dict(zip(self.values.tolist(), self.table[0, 2].tolist()))
        background, foreground = true.get(0, 0), true.get(1, 0)
        rows = [[0, 0, 0, background], [1, foreground, background + foreground, foreground]]
        return PixelCounts.from_list(rows)


def value_counts(array: np.ndarray) -> np.ndarray:
    """How often each value occurs in an array (H, W) of uint8; int64 (256,).

    Works in strips: NumPy's own count would make eight bytes of each pixel at once.
    """
    counts = np.zeros(256, np.int64)
    for rows in row_strips(*array.shape):
        counts += np.bincount(array[rows].ravel(), minlength=256)
    return counts


def check_values(name: str, counts: np.ndarray, num_classes: int) -> None:
    """Raise ValueError if a value is neither a class nor the ignore label.

    Args:
        name: What was counted, for the error.
        counts: From :func:`value_counts`.
        num_classes: Number of foreground classes K.
    """
    odd = [value for value in np.flatnonzero(counts).tolist() if value > num_classes and value != IGNORE_LABEL]
    if odd:
        raise InputError(f'Expected {name} values in [0, {num_classes}] or {IGNORE_LABEL}, but got {odd[0]}.')


def as_labels(array: np.ndarray, name: str) -> np.ndarray:
    """The same values as uint8.

    Raises:
        ValueError: If a value is outside [0, 255].
    """
    if array.dtype == np.uint8:
        return array
    if array.size and (array.min() < 0 or array.max() > np.iinfo(np.uint8).max):
        raise InputError(f'Expected {name} values in [0, 255], but got {array.min()} to {array.max()}.')
    return array.astype(np.uint8)


def count_pixels(pred: np.ndarray, truth: np.ndarray, num_classes: int) -> PixelCounts:
    """Pixel counts of one image.

    Pixels that are :data:`IGNORE_LABEL` in the ground truth count nowhere; those that are it in the prediction (an
    ignore band) count as missed.

    Args:
        pred: integer (H, W), 0 background, k + 1 class k.
        truth: integer (H, W), likewise.
        num_classes: Number of foreground classes K.

    Raises:
        ValueError: If sizes differ or a value is neither a class nor the ignore label.
    """
    if pred.shape != truth.shape or pred.ndim != 2:
        raise InputError(
            f'Expected prediction and ground truth of one size (H, W), but got {pred.shape}, {truth.shape}.'
        )
    pred, truth = as_labels(pred, 'prediction'), as_labels(truth, 'ground truth')
    table = np.zeros((3, 256), np.int64)
    for rows in row_strips(*pred.shape):
        valid = truth[rows] != IGNORE_LABEL
        predicted, true = pred[rows][valid], truth[rows][valid]
        for row, values in zip(table, (predicted[predicted == true], predicted, true)):
            row += np.bincount(values, minlength=256)
    check_values('ground truth', table[2], num_classes)
    check_values('prediction', table[1], num_classes)
    values = np.flatnonzero(table[1:, :IGNORE_LABEL].any(0))
    return PixelCounts(values, table[None][..., values])
