"""What is left of a run: one manifest, and what it adds up to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmwsss.evaluation.figures import all_foreground_counts, segmentation_figures
from mmwsss.structures import Manifest


def merge_manifests(out_dir: Path, manifests: Sequence[Manifest], img_paths: Sequence[str]) -> None:
    """Make one manifest, the first, of several, in the order of the images, and remove what killed processes left.

    Of several records of one image the last good one counts. Records stay on the disk: only their places are kept.

    Args:
        out_dir: Output folder.
        manifests: The one to write, and those of processes of their own, which are removed.
        img_paths: Images in order; each has a record.
    """
    places: dict[str, tuple[int, int, bool]] = {}
    for number, manifest in enumerate(manifests):
        for offset, record in manifest.lines():
            good = record.status == 'ok'
            known = places.get(record.img_path)
            if known is None or good or not known[2] or known[0] == number:
                places[record.img_path] = (number, offset, good)
    ordered = (places[path][:2] for path in dict.fromkeys(img_paths))
    manifests[0].rewrite(manifests[number].read_at(offset) for number, offset in ordered)
    for manifest in manifests[1:]:
        manifest.path.unlink()
    for left_over in out_dir.rglob('.*.tmp'):
        left_over.unlink()


def summarise(manifest: Manifest, classes: Sequence[str]) -> dict[str, Any]:
    """Counts, seconds by stage and, where there were masks to compare with, figures.

    Args:
        manifest: The finished manifest.
        classes: Names of the K classes.

    Returns:
        dict: ``ok``, ``without_class``, ``seconds``; ``seed``, ``mask`` and, for one class, ``floor``.
    """
    good = without_class = 0
    stages: dict[str, float] = {}
    counts: dict[str, list[np.ndarray]] = {'seed': [], 'mask': []}
    for record in manifest:
        if record.status != 'ok':
            continue
        good += 1
        without_class += not record.labels
        for stage, value in record.seconds.items():
            stages[stage] = stages.get(stage, 0.0) + value
        for kind, values in record.counts.items():
            counts[kind].append(np.array(values))
    result: dict[str, Any] = {
        'ok': good,
        'without_class': without_class,
        'seconds': {stage: round(stages[stage], 2) for stage in sorted(stages)},
    }
    for kind, tables in counts.items():
        if tables:
            result[kind] = segmentation_figures(tables, classes)
            if len(classes) == 1:
                floor = segmentation_figures([all_foreground_counts(table) for table in tables], classes)
                result['floor'] = {key: floor[key] for key in ('iou_image', 'iou_dataset', 'miou')}
    return result
