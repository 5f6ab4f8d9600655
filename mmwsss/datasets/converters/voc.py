"""PASCAL VOC 2012 with image-level labels."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import read_json, write_json
from mmwsss.utils.progress import Progress

CLASSES = (
    'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow', 'diningtable', 'dog',
    'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor',
)  # fmt: skip
SIZES = {'train': 1464, 'train_aug': 10582, 'val': 1449}
"""Images of the splits that the literature means."""


def _ids(path: Path) -> list[str]:
    try:
        return [line.split()[0] for line in path.read_text(encoding='utf-8-sig').splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise InputError(f'Expected a text file in UTF-8 in {path}, but {error}.') from error


def voc_splits(root: Path) -> dict[str, list[str]]:
    """Image ids by split: ``train``, ``val``, and ``train_aug`` where SegmentationClassAug is there.

    ``train_aug`` is read from ``train_aug.txt`` or ``trainaug.txt``; without such a list it is all of
    SegmentationClassAug that is not in ``val``.

    Raises:
        FileNotFoundError: If a list is missing; names it.
    """
    lists = root / 'ImageSets' / 'Segmentation'
    splits = {}
    for name in ('train', 'val'):
        path = lists / f'{name}.txt'
        if not path.is_file():
            raise MissingFileError(f'Expected the list {path} of VOC 2012, but there is none.')
        splits[name] = _ids(path)
    for name in ('train_aug', 'trainaug'):
        if (lists / f'{name}.txt').is_file():
            splits['train_aug'] = _ids(lists / f'{name}.txt')
            break
    else:
        folder = root / 'SegmentationClassAug'
        if folder.is_dir():
            held_out = set(splits['val'])
            splits['train_aug'] = sorted(path.stem for path in folder.glob('*.png') if path.stem not in held_out)
    return splits


def read_voc_labels(path: str | Path) -> dict[str, list[str]]:
    """Names of the classes by image id, from a JSON object or a CSV ``id,label;label``.

    Raises:
        ValueError: If the file is neither, or an entry has no names; names file and entry.
    """
    path = Path(path)
    if path.suffix.lower() == '.json':
        content = read_json(path)
        if not isinstance(content, Mapping):
            raise InputError(f'Expected an object {{id: [names]}} in {path}, but got a {type(content).__name__}.')
        for name, labels in content.items():
            if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
                raise InputError(f'Expected a list of names in {path}, entry {name!r}, but got {labels!r}.')
        return {str(name): list(labels) for name, labels in content.items()}
    try:
        with open(path, encoding='utf-8-sig', newline='') as handle:
            rows = [row for row in csv.reader(handle) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f'Expected a CSV file in UTF-8 in {path}, but {error}.') from error
    for number, row in enumerate(rows[1:], 2):
        if len(row) != 2:
            raise InputError(f'Expected "id,label;label" in {path}, row {number}, but got {",".join(row)!r}.')
    return {Path(row[0]).stem: [name.strip() for name in row[1].split(';') if name.strip()] for row in rows[1:]}


def _xml_labels(path: Path) -> list[str]:
    try:
        names = [element.findtext('name', '') for element in ElementTree.parse(path).getroot().iter('object')]
    except ElementTree.ParseError as error:
        raise InputError(f'Expected XML in {path}, but {error}') from error
    unknown = [name for name in names if name not in CLASSES]
    if unknown:
        raise InputError(f'Expected classes of VOC in {path}, but got {unknown[0]!r}.')
    return sorted(set(names), key=CLASSES.index)


def convert_voc(
    root: str | Path, out_dir: str | Path | None = None, labels: str | Path | None = None
) -> dict[str, dict[str, Any]]:
    """Write ``annotations/<split>.json`` for :class:`~mmwsss.datasets.ImageLabelDataset`; pictures stay where they are.

    Args:
        root: ``VOCdevkit/VOC2012``.
        out_dir: Folder of the label files; by default ``root``.
        labels: File of image-level labels, for images without an XML; see :func:`read_voc_labels`.

    Returns:
        By split ``images``, ``expected`` (None for a split of another size than the literature's), ``masks``,
        ``missing`` (reasons by id) and ``per_class``. A split in which something is missing is not written.

    Raises:
        FileNotFoundError: If the folder or a list is missing.
    """
    root = Path(root)
    if not (root / 'JPEGImages').is_dir():
        raise MissingFileError(f'Expected VOCdevkit/VOC2012 with JPEGImages in {root}, but there is no such folder.')
    given: Mapping[str, list[str]] = {} if labels is None else read_voc_labels(labels)
    report = {}
    splits = voc_splits(root)
    with Progress(sum(map(len, splits.values())), 'images') as progress:
        for split, ids in splits.items():
            entries, missing, counts, masks = [], {}, dict.fromkeys(CLASSES, 0), 0
            for name in ids:
                found, reason = _labels_of(root, name, given)
                if reason is not None:
                    missing[name] = reason
                else:
                    for label in found:
                        counts[label] += 1
                    entries.append({'img_path': f'{name}.jpg', 'gt_label': [CLASSES.index(label) for label in found]})
                folder = 'SegmentationClassAug' if split == 'train_aug' else 'SegmentationClass'
                masks += (root / folder / f'{name}.png').is_file()
                progress.update()
            report[split] = {
                'images': len(entries),
                'expected': SIZES[split],
                'masks': masks,
                'missing': missing,
                'per_class': counts,
            }
            if not missing:
                content = {'metainfo': {'classes': list(CLASSES)}, 'data_list': entries}
                write_json(Path(out_dir or root) / 'annotations' / f'{split}.json', content)
    return report


def _labels_of(root: Path, name: str, given: Mapping[str, list[str]]) -> tuple[list[str], str | None]:
    if not (root / 'JPEGImages' / f'{name}.jpg').is_file():
        return [], f'no picture JPEGImages/{name}.jpg'
    if name in given:
        unknown = [label for label in given[name] if label not in CLASSES]
        return (given[name], None) if not unknown else ([], f'unknown class {unknown[0]!r} in the label file')
    path = root / 'Annotations' / f'{name}.xml'
    if not path.is_file():
        return [], f'no Annotations/{name}.xml and no label in the label file'
    return _xml_labels(path), None
