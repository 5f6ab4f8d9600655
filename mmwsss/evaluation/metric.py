"""Figures of a segmentor, in MMEngine's test loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.dist import get_rank, get_world_size
from mmengine.evaluator import BaseMetric

from mmwsss.evaluation.figures import SegmentationFigures
from mmwsss.evaluation.pixel_counts import PixelCounts, count_pixels
from mmwsss.registry import METRICS
from mmwsss.utils.files import write_json


@METRICS.register_module()
class WeakSegMetric(BaseMetric):
    """Figures of a segmentor whose class 0 is background: :class:`~mmwsss.evaluation.figures.SegmentationFigures`.

    Each process keeps running sums, which are merged at the end. MMEngine's sampler gives some processes an image twice
    where the images cannot be shared out evenly; such a last image is left out.

    Args:
        out_file: Also write each image's path and pixel counts, rows of value, intersection, predicted and true pixels,
            to this JSON file; the rows then wait in memory.
        collect_device: Of :class:`mmengine.evaluator.BaseMetric`.
        prefix: Likewise.
    """

    def __init__(self, out_file: str | None = None, collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device, prefix)
        self.out_file = out_file
        self._sums: SegmentationFigures | None = None
        self._rows: list[dict[str, Any]] = []
        self._last: tuple[str, PixelCounts] | None = None

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count the pixels of a batch of MMSegmentation's samples."""
        classes = self.dataset_meta['classes'][1:]
        for sample in data_samples:
            pred, truth = (sample[key]['data'].squeeze(0).cpu().numpy() for key in ('pred_sem_seg', 'gt_sem_seg'))
            self._add_last()
            self._last = (sample['img_path'], count_pixels(pred, truth, len(classes)))

    def _add_last(self) -> None:
        """Add the image that was held back: the last one of a process may be a repetition of the sampler."""
        if self._sums is None:
            self._sums = SegmentationFigures(self.dataset_meta['classes'][1:])
        if self._last is not None:
            path, counts = self._last
            self._sums.update(counts)
            if self.out_file is not None:
                self._rows.append({'img_path': path, 'counts': counts.to_list()})
        self._last = None

    def evaluate(self, size: int) -> dict[str, float]:
        """Merge the sums of all processes and compute.

        Args:
            size: Number of images of the data set.
        """
        before = 0 if self._sums is None else self._sums.num_images
        if before * get_world_size() + get_rank() >= size:
            self._last = None  # the sampler's filling
        self._add_last()
        self.results = [(self._sums, self._rows)]
        self._sums, self._rows = None, []
        return super().evaluate(get_world_size())

    def compute_metrics(self, results: list[tuple[SegmentationFigures, list[dict[str, Any]]]]) -> dict[str, Any]:
        """Figures as flat names, in [0, 1]; those that no image defines are NaN."""
        total = SegmentationFigures(self.dataset_meta['classes'][1:])
        for sums, _ in results:
            total.merge(sums)
        if self.out_file is not None:
            write_json(self.out_file, _in_turns([rows for _, rows in results]))
        figures = total.compute()
        flat = {key: figures[key] for key in ('iou_image', 'iou_dataset', 'miou')}
        flat.update({f'all_images_{key}': figures['all_images'][key] for key in ('iou_dataset', 'miou')})
        flat.update({f'false_alarm_{key}': value for key, value in figures['false_alarms'].items()})
        flat.update({f'iou_{name}': value for name, value in figures['per_class'].items()})
        return {key: float('nan') if value is None else value for key, value in flat.items()}


def _in_turns(lists: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """One item of each list in turn: the order of the data set."""
    longest = max(len(rows) for rows in lists)
    return [rows[number] for number in range(longest) for rows in lists if number < len(rows)]
