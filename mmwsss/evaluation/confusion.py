"""Which class the pixels of which class are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.registry import METRICS


def confusion_matrix(pred: np.ndarray, truth: np.ndarray, num_classes: int) -> np.ndarray:
    """Pixels by true and by predicted value.

    Args:
        pred: uint8 (H, W).
        truth: uint8 (H, W); its ignore label counts nowhere.
        num_classes: Number of foreground classes K.

    Returns:
        np.ndarray: int64 (K + 1, K + 2); the last column is what the prediction leaves open (the ignore label).

    Raises:
        ValueError: If the sizes differ.
    """
    if pred.shape != truth.shape:
        raise ValueError(f'Expected masks of one size (H, W), but got {pred.shape} and {truth.shape}.')
    valid = truth != IGNORE_LABEL
    columns = np.where(pred == IGNORE_LABEL, num_classes + 1, pred)[valid].astype(np.int64)
    width = num_classes + 2
    counts = np.bincount(truth[valid].astype(np.int64) * width + columns, minlength=(num_classes + 1) * width)
    return counts.reshape(num_classes + 1, width)


@METRICS.register_module()
class ConfusionMetric(BaseMetric):
    """The confusion matrix of a segmentor whose class 0 is background, in MMEngine's test loop.

    Its figures are ``matrix``, a list of rows of :func:`confusion_matrix` summed over the images, ``classes``, the
    names of its rows, and ``images``, how many they were.
    """

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count the pixels of a batch of MMSegmentation's samples."""
        number = len(self.dataset_meta['classes']) - 1
        for sample in data_samples:
            pred, truth = (sample[key]['data'].squeeze(0).cpu().numpy() for key in ('pred_sem_seg', 'gt_sem_seg'))
            counts = confusion_matrix(pred, truth, number).ravel()
            (places,) = counts.nonzero()  # an image has few of many classes
            self.results.append((places, counts[places]))

    def compute_metrics(self, results: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
        """Sum over the images."""
        rows = len(self.dataset_meta['classes'])
        total = np.zeros(rows * (rows + 1), np.int64)
        for places, counts in results:
            total[places] += counts
        matrix = total.reshape(rows, rows + 1).tolist()
        return {'matrix': matrix, 'classes': list(self.dataset_meta['classes']), 'images': len(results)}
