"""Check of a whole data set before training: what is there, what is left out, and what would fail."""

from __future__ import annotations

import os.path as osp
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.registry import DefaultScope

from mmwsss.datasets.batching import plan_batches
from mmwsss.datasets.check_pictures import PictureFacts, inspect_masks, inspect_pictures
from mmwsss.datasets.data_report import DataReport, SplitReport, left_out_of
from mmwsss.datasets.duplicates import contradictions, same_bytes
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.datasets.label_table import LabelTable
from mmwsss.datasets.spelling import looks_negative
from mmwsss.registry import DATASETS
from mmwsss.utils.progress import Progress

_FIRST = 3
_SCOPE = 'mmpretrain'


def folder_datasets(
    folder: str | Path,
    labels: str | None = None,
    images: str = '',
    masks: str | None = None,
    **settings: Any,
) -> dict[str, dict[str, Any]]:
    """What :func:`check_data` takes, for one folder of images.

    Args:
        folder: Root of the others.
        labels: Label file; None for one sub-folder a class.
        images: Folder of the images.
        masks: Folder of masks for evaluation.
        **settings: Of :class:`~mmwsss.datasets.ImageLabelDataset`: ``classes``, ``negative_classes``, ...
    """
    prefix = {'img_path': images, **({'seg_map_path': masks} if masks else {})}
    return {
        'train': {
            'type': 'mmwsss.ImageLabelDataset',
            'data_root': str(folder),
            'ann_file': labels or '',
            'data_prefix': prefix,
            **settings,
        }
    }


def check_data(
    datasets: Mapping[str, Mapping[str, Any] | None],
    *,
    batch_size: int | None = None,
    decode: bool = False,
    min_side: int = 8,
    silent: bool = False,
) -> DataReport:
    """Look at every picture of a data set: headers and file ends, bytes of files of one size, some of the masks.

    Args:
        datasets: Configs of data sets by name; the first one (``'train'``) is trained on and gives the classes to those
            that name none. None is passed over. A training set that names masks has them looked at too.
        batch_size: Of the training, to say how it shrinks to the data.
        decode: Decode every picture instead of reading its header.
        min_side: Pictures with a shorter side in pixels are pointed out.
        silent: No progress.

    Returns:
        DataReport: ``ok`` is False where training or evaluation would fail.
    """
    report = DataReport()
    classes: tuple[str, ...] | None = None
    facts: dict[str, PictureFacts] = {}
    for number, (name, settings) in enumerate((name, value) for name, value in datasets.items() if value):
        dataset = _build(name, settings, classes, report)
        if dataset is None:
            continue
        if number == 0:
            classes = tuple(dataset.metainfo['classes'])
        found = _inspect_images(name, dataset, settings, report, number == 0, decode, min_side, silent)
        if found is not None:
            facts[name] = found
    if not report.splits and not report.problems:
        report.problems.append('Expected at least one data set to look at, but got none.')
    _same_pictures(facts, report, silent)
    first = next(iter(report.splits.values()), None)
    if batch_size is not None and first is not None and first.images:
        note = plan_batches(first.images, batch_size).note
        report.notes += [note] if note else []
    return report


def _build(
    name: str, settings: Mapping[str, Any], classes: tuple[str, ...] | None, report: DataReport
) -> ImageDataset | None:
    """The data set in test mode and without masks: then only labels and folders can be wrong."""
    plain = {**settings, 'pipeline': [], 'test_mode': True}
    prefix = plain.get('data_prefix')
    if isinstance(prefix, Mapping):
        plain['data_prefix'] = {'img_path': prefix.get('img_path', '')}
    if classes is not None and plain.get('classes') is None:
        plain['classes'] = classes
    if not str(settings.get('type', '')).endswith(('ImageLabelDataset', 'PhotoSplitDataset')):
        plain = dict(settings)  # generated, or without labels
    try:
        with DefaultScope.overwrite_default_scope(_SCOPE):
            return DATASETS.build(plain)
    except (ValueError, OSError) as error:
        report.problems.append(f'{name}: {error}')
        return None


def _inspect_images(
    name: str,
    dataset: ImageDataset,
    settings: Mapping[str, Any],
    report: DataReport,
    is_training: bool,
    decode: bool,
    min_side: int,
    silent: bool,
) -> PictureFacts | None:
    table = getattr(dataset, 'table', None)
    split = SplitReport(source=str(table.source if table else getattr(dataset, 'source', settings.get('type', ''))))
    report.splits[name] = split
    split.images, split.rows = len(dataset), len(table.rows) if table else len(dataset)
    split.image_root = str(dataset.metainfo.get('image_root', ''))
    scan = getattr(dataset, 'scan', None) if table is None else table.scan
    if scan is not None:
        split.left_out = left_out_of(scan.left_out, scan.examples)
    report.notes += [f'{name}: {note}' for note in getattr(dataset, 'notes', []) if 'left out: ' not in note]
    _count_classes(name, dataset, split, report, is_training and table is not None)
    if not split.image_root:  # generated: there are no files
        return None
    facts = inspect_pictures(dataset, decode, silent)
    split.unreadable, split.kinds, split.sizes = len(facts.reasons), dict(facts.kinds.most_common()), facts.extremes()
    if facts.reasons:
        first = ''.join(f'\n  {reason}' for reason in facts.reasons[:_FIRST])
        report.problems.append(f'{name}: {len(facts.reasons)} of {split.images} images cannot be read, first:{first}')
    report.notes += [f'{name}: {note}' for note in facts.notes(min_side)]
    _inspect_masks(name, dataset, settings, facts, report, silent)
    return facts


def _count_classes(name: str, dataset: ImageDataset, split: SplitReport, report: DataReport, is_training: bool) -> None:
    classes = dataset.metainfo['classes']
    counts: Counter = Counter()
    table: LabelTable | None = getattr(dataset, 'table', None)
    if table is None:
        return
    for index in range(len(dataset)):
        labels = dataset.get_data_info(index)['gt_label']
        counts.update(classes[label] for label in labels)
        split.negatives += not len(labels)
    split.classes = {label: counts[label] for label in classes}
    if not is_training:
        return
    bare = [label for label in classes if not counts[label]]
    if not sum(counts.values()):
        report.problems.append(f'{name}: Expected at least one image with a class in {split.source}, but got none.')
    elif bare:
        report.notes.append(f'{name}: no image shows {", ".join(map(repr, bare[:_FIRST]))}')
    negative = [label for label in classes if looks_negative(label)]
    if negative:
        report.notes.append(
            f'{name}: {", ".join(map(repr, negative))} looks like "no class" but is one, and gets masks; to change '
            f'that: negative_classes={negative}'
        )
    if not split.negatives:
        report.notes.append(f'{name}: every image shows a class: without images of none, maps have nothing to avoid')
    scan = table.scan
    if scan is not None and len(scan.folders) == 1 and not scan.direct.total() and split.images:
        report.notes.append(
            f'{name}: all images lie below the one class {classes[0]!r}, in sub-folders; if those are the classes, '
            'give that folder'
        )


def _inspect_masks(
    name: str, dataset: ImageDataset, settings: Mapping[str, Any], facts: PictureFacts, report: DataReport, silent: bool
) -> None:
    prefix = settings.get('data_prefix')
    if not isinstance(prefix, Mapping) or not prefix.get('seg_map_path') or getattr(dataset, 'table', None) is None:
        return
    whole = {**settings, 'pipeline': [], 'test_mode': True, 'classes': list(dataset.metainfo['classes'])}
    try:
        with DefaultScope.overwrite_default_scope(_SCOPE):
            with_masks = DATASETS.build(whole)
    except (ValueError, OSError) as error:
        report.problems.append(f'{name}: {error}')
        return
    masks, problems = inspect_masks(with_masks, facts.headers, silent)
    report.splits[name].masks = {'folder': osp.normpath(with_masks.data_prefix['seg_map_path']), **masks}
    report.problems += [f'{name}: {problem}' for problem in problems]


def _same_pictures(facts: Mapping[str, PictureFacts], report: DataReport, silent: bool) -> None:
    """Pictures with the same bytes: within a part, in two parts, and with different labels."""
    sizes: dict[str, int] = {}
    labels: dict[str, tuple[str, ...]] = {}
    places: dict[str, set[str]] = {}
    for name, found in facts.items():
        for path, header in found.headers.items():
            sizes[path] = header.file_size
            labels[path] = found.labels[path]
            places.setdefault(path, set()).add(name)
    with Progress(len(sizes), 'pictures compared', silent=silent) as progress:
        groups = same_bytes(sizes, progress.update)
    for name in facts:
        inside = [sum(name in places[path] for path in group) for group in groups]
        report.splits[name].duplicates = sum(number for number in inside if number > 1)
    pairs = contradictions(groups, labels)
    if pairs:
        first, second = pairs[0]
        report.notes.append(
            f'{len(pairs)} pictures stand under several names with different labels, first {first} '
            f'({_class_names(labels[first])}) and {second} ({_class_names(labels[second])})'
        )
    shared = [(path, path) for path, names in places.items() if len(names) > 1]
    shared += [pair for group in groups if (pair := _across(group, places)) is not None]
    if shared:
        first, second = shared[0]
        parts = sorted(places[first] | places[second])
        report.notes.append(
            f'{len(shared)} pictures are in more than one part of the data, first {first} ({"/".join(parts)})'
            if first == second
            else f'{len(shared)} pictures are in more than one part of the data, first {first} '
            f'({"/".join(sorted(places[first]))}) and {second} ({"/".join(sorted(places[second]))})'
        )


def _across(group: list[str], places: Mapping[str, set[str]]) -> tuple[str, str] | None:
    """Two pictures of a group that are in different parts."""
    other = next((path for path in group if places[path] != places[group[0]]), None)
    return None if other is None else (group[0], other)


def _class_names(labels: tuple[str, ...]) -> str:
    return ';'.join(labels) or 'no class'
