"""The end of a run: one manifest out of several, and its summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmwsss.evaluation import PixelCounts, SegmentationFigures
from mmwsss.structures import Manifest
from mmwsss.utils.files import remove_temporary


def merge_manifests(out_dir: Path, manifests: Sequence[Manifest], img_paths: Sequence[str]) -> None:
    """Merge manifests into the first one, in the order of the images, and remove what killed processes left.

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
    remove_temporary(out_dir)


def summarise(manifest: Manifest, classes: Sequence[str]) -> dict[str, Any]:
    """Counts, seconds by stage and, where there were masks to compare with, figures.

    Args:
        manifest: The finished manifest.
        classes: Names of the K classes.

    Returns:
        dict: ``ok``, ``without_class``, ``empty`` (by class the number of images that should show it and whose mask has
        no pixel of it), ``seconds``; ``unrefined``, ``mask`` and, for one class, ``floor``.
    """
    good = without_class = 0
    stages: dict[str, float] = {}
    empty: Counter[str] = Counter()
    figures = {kind: SegmentationFigures(classes) for kind in ('unrefined', 'mask', 'floor')}
    for record in manifest:
        if record.status != 'ok':
            continue
        good += 1
        without_class += not record.labels
        empty.update(name for name in record.labels if not record.coverage[name])
        for stage, value in record.seconds.items():
            stages[stage] = stages.get(stage, 0.0) + value
        for kind, rows in record.counts.items():
            counts = PixelCounts.from_list(rows)
            figures[kind].update(counts)
            if kind == 'mask' and len(classes) == 1:
                figures['floor'].update(counts.all_foreground())
    result: dict[str, Any] = {
        'ok': good,
        'without_class': without_class,
        'empty': {name: empty[name] for name in classes if empty[name]},
        'seconds': {stage: round(stages[stage], 2) for stage in sorted(stages)},
    }
    for kind, sums in figures.items():
        if sums.num_images:
            result[kind] = sums.compute()
    if 'floor' in result:
        result['floor'] = {key: result['floor'][key] for key in ('iou_image', 'iou_dataset', 'miou')}
    return result
