"""The same figures inside MMEngine's test loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from mmwsss.evaluation.figures import count_pixels, segmentation_figures
from mmwsss.registry import METRICS
from mmwsss.utils.files import write_json


@METRICS.register_module()
class WeakSegMetric(BaseMetric):
    """Figures of a segmentor whose class 0 is background: see :func:`~mmwsss.evaluation.figures.segmentation_figures`.

    Args:
        out_file: Also write each image's path and pixel counts to this JSON file.
        collect_device: Of :class:`mmengine.evaluator.BaseMetric`.
        prefix: Likewise.
    """

    def __init__(self, out_file: str | None = None, collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device, prefix)
        self.out_file = out_file

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count the pixels of a batch of MMSegmentation's samples."""
        num_classes = len(self.dataset_meta['classes']) - 1
        for sample in data_samples:
            pred, truth = (sample[key]['data'].squeeze(0).cpu().numpy() for key in ('pred_sem_seg', 'gt_sem_seg'))
            self.results.append((sample['img_path'], count_pixels(pred, truth, num_classes)))

    def compute_metrics(self, results: list[tuple[str, np.ndarray]]) -> dict[str, Any]:
        """Figures as flat names, in [0, 1]; those that no image defines are NaN."""
        if self.out_file is not None:
            write_json(self.out_file, [{'img_path': path, 'counts': counts.tolist()} for path, counts in results])
        figures = segmentation_figures([counts for _, counts in results], self.dataset_meta['classes'][1:])
        flat = {key: figures[key] for key in ('iou_image', 'iou_dataset', 'miou')}
        flat.update({f'all_images_{key}': figures['all_images'][key] for key in ('iou_dataset', 'miou')})
        flat.update({f'false_alarm_{key}': value for key, value in figures['false_alarms'].items()})
        flat.update({f'iou_{name}': value for name, value in figures['per_class'].items()})
        return {key: float('nan') if value is None else value for key, value in flat.items()}
