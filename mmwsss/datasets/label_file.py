"""Image-level labels from JSON, CSV or class folders, as rows that say where they stand.

What is understood beyond the plain forms (see :class:`~mmwsss.datasets.ImageLabelDataset`), and said in ``notes``:

* a byte-order mark, ``.JSON`` and ``.CSV``, tabs or semicolons between columns, backslashes in paths;
* a CSV without a header: its first row names a picture;
* a CSV whose labels are all ``0`` or ``1``: 1 is the one class (named by ``classes``, else by the header's word, else
  ``1``), 0 is none;
* JSON labels as names, and one-hot lists (all of the length of the classes, with a value that repeats).
"""

from __future__ import annotations

import csv
import json
import os
import os.path as osp
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mmwsss.datasets.folder_scan import CLOSED, LINKED, OWN, UNREAD, FolderScan
from mmwsss.datasets.picture_files import SUFFIXES, UNREAD_SUFFIXES
from mmwsss.datasets.spelling import look_like_splits, main_spellings, names_of, spelling
from mmwsss.utils.files import read_json

_WORTH_SAYING = (UNREAD, LINKED, CLOSED, OWN)
_NO_CLASS_WORDS = frozenset(
    ['label', 'labels', 'class', 'classes', 'target', 'gt', 'label', 'category', 'y', 'tag', 'tags', 'value']
)


@dataclass(frozen=True)
class LabelRow:
    """One picture and what it shows.

    Attributes:
        path: As the file has it, relative to the image folder.
        labels: Names; none for "no class".
        where: File and line, for a message.
    """

    path: str
    labels: tuple[str, ...]
    where: str


@dataclass
class LabelTable:
    """All rows of one source.

    Attributes:
        rows: In the order of the source.
        names: Names of the labels, in the source's order where it has one.
        source: The file or folder.
        notes: What was understood, or left out, that the user should know.
        scan: What a scan of class folders left out.
    """

    rows: list[LabelRow]
    names: tuple[str, ...]
    source: str
    notes: list[str] = field(default_factory=list)
    scan: FolderScan | None = None


def read_label_file(path: str, folder: str, classes: Sequence[str] = (), negatives: Sequence[str] = ()) -> LabelTable:
    """Rows of a ``.json``, ``.csv`` or ``.tsv`` file.

    Args:
        path: The file.
        folder: The image folder, to tell a header from a picture's row.
        classes: Names that the user gave.
        negatives: Names that mean "no class".

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no label file, or a row is wrong; names file and line.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'Expected a label file (.json or .csv), but there is no {path}.')
    suffix = osp.splitext(path)[1].lower()
    if suffix == '.json':
        return _read_json(path)
    if suffix in ('.csv', '.tsv'):
        try:
            table = _read_csv(path, folder)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f'Expected a CSV file in UTF-8 in {path}, but {error}.') from error
        return _one_class_of_numbers(_one_spelling(table), classes, negatives)
    raise ValueError(f'Expected a label file that ends in .json or .csv, but got {path}.')


def _read_csv(path: str, folder: str) -> LabelTable:
    with open(path, encoding='utf-8-sig', newline='') as handle:
        first = handle.readline()
        handle.seek(0)
        delimiter = next((mark for mark in ',\t;' if mark in first), ',')
        reader = csv.reader(handle, delimiter=delimiter, strict=False)
        head = next(reader, [])
        if len(head) < 2:
            raise ValueError(f'Expected a header "path,label" in {path}, but got {",".join(head)!r}.')
        rows, notes, word = [], [], head[1].strip()
        if _is_picture(head[0], folder):
            rows.append(_csv_row(head, f'{path}, line {reader.line_num}', folder))
            notes.append(f'{path} has no header "path,label": its first line was read as a picture')
            word = ''
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(_csv_row(cells, f'{path}, line {reader.line_num}', folder))
    names = [name for row in rows for name in row.labels]
    return LabelTable(rows, (word, *names), path, notes)


def _is_picture(cell: str, folder: str) -> bool:
    suffix = osp.splitext(cell.strip())[1].lower()
    return suffix in SUFFIXES or suffix in UNREAD_SUFFIXES or ('\0' not in cell and osp.isfile(osp.join(folder, cell)))


def _csv_row(cells: Sequence[str], where: str, folder: str) -> LabelRow:
    if len(cells) != 2 or not cells[0].strip():
        raise ValueError(f'Expected "path,label[;label]" in {where}, but got {",".join(cells)!r}.')
    labels = tuple(name.strip() for name in cells[1].split(';') if name.strip())
    return LabelRow(_own_separators(cells[0], folder), labels, where)


def _own_separators(path: str, folder: str) -> str:
    """A path that was written with backslashes, with this system's separators, where only those lead to a file."""
    if '\\' in path and os.sep != '\\' and '\0' not in path and not osp.exists(osp.join(folder, path)):
        return path.replace('\\', '/')
    return path


def _one_spelling(table: LabelTable) -> LabelTable:
    """Every name in its most frequent spelling; ``names[0]`` is the header's word and stays."""
    word, *names = table.names
    counts = Counter(names)
    main = main_spellings(counts)
    table.notes += _spelling_notes(counts, main)
    table.rows = [replace(row, labels=tuple(main[spelling(name)] for name in row.labels)) for row in table.rows]
    table.names = (word, *sorted(main.values()))
    return table


def _spelling_notes(counts: Counter, main: dict[str, str]) -> list[str]:
    notes = []
    for key, name in main.items():
        alike = sorted(other for other in counts if spelling(other) == key and other != name)
        if alike:
            notes.append(f'{", ".join(map(repr, alike))} read as another spelling of {name!r}')
    return notes


def _one_class_of_numbers(table: LabelTable, classes: Sequence[str], negatives: Sequence[str]) -> LabelTable:
    """Labels 0 and 1 as "none" and the one class; takes the header's word from ``names``."""
    word, *names = table.names
    table.names = tuple(names)
    own = {spelling(name) for name in (*classes, *negatives)}
    if not names or not set(names) <= {'0', '1'} or own & {'0', '1'} or any(len(row.labels) > 1 for row in table.rows):
        return table
    if len(classes) > 1:
        raise ValueError(
            f'Expected names of {list(classes)} in {table.source}, but its labels are 0 and 1, which say of one class '
            'whether it is there.'
        )
    name = classes[0] if classes else word if spelling(word) not in _NO_CLASS_WORDS and word else '1'
    numbers = {'1': (name,), '0': ()}
    table.rows = [
        replace(row, labels=tuple(label for number in row.labels for label in numbers[number])) for row in table.rows
    ]
    table.names = (name,)
    hint = '' if name != '1' else ' (classes=NAME names it)'
    table.notes.append(f'the labels are 0 and 1: 1 was read as the class {name!r}{hint}, 0 as no class')
    return table


def _read_json(path: str) -> LabelTable:
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get('data_list'), list):
        got = type(content).__name__ if not isinstance(content, dict) else f'an object with {list(content)[:5]}'
        raise ValueError(
            f'Expected metainfo.classes and a data_list of img_path and gt_label in {path}, but it is {got}.'
        )
    metainfo = content.get('metainfo')
    given = metainfo.get('classes') if isinstance(metainfo, dict) else None
    if not isinstance(given, (str, list)):
        raise ValueError(
            f'Expected metainfo.classes and a data_list of img_path and gt_label in {path}, '
            f'but got {given!r} as classes.'
        )
    names = names_of(given, f'metainfo.classes of {path}')
    places, labels = [], []
    for number, entry in enumerate(content['data_list']):
        where = f'{path}, data_list[{number}]'
        if not isinstance(entry, dict) or 'img_path' not in entry or 'gt_label' not in entry:
            raise ValueError(f'Expected img_path and gt_label in {where}, but got {json.dumps(entry)[:120]}.')
        if not isinstance(entry['img_path'], str) or not entry['img_path'].strip():
            raise ValueError(f'Expected a text as img_path in {where}, but got {entry["img_path"]!r}.')
        places.append((entry['img_path'], f'{where} ({entry["img_path"]})'))
        labels.append(entry['gt_label'])
    notes = []
    if _is_one_hot(labels, len(names)):
        labels = [[index for index, value in enumerate(label) if value] for label in labels]
        notes.append(f'the labels of {path} were read as one-hot lists')
    rows = [LabelRow(file, _named(label, names, where), where) for (file, where), label in zip(places, labels)]
    return LabelTable(rows, names, path, notes)


def _is_one_hot(labels: Sequence[Any], number: int) -> bool:
    """Whether all labels are lists of K zeros and ones, and at least one of them cannot be a list of indices."""
    for label in labels:
        if not isinstance(label, list) or len(label) != number:
            return False
        if not all(isinstance(value, int) and value in (0, 1) for value in label):
            return False
    return any(
        len(set(label)) < len(label)
        or label != sorted(label)
        or max(label, default=0) >= number
        or any(isinstance(value, bool) for value in label)
        for label in labels
    )


def _named(label: Any, names: Sequence[str], where: str) -> tuple[str, ...]:
    """Names of an index, a name, or a list of either."""
    values = label if isinstance(label, list) else [label]
    known = {spelling(name): name for name in names}
    found = []
    for value in values:
        if isinstance(value, str) and spelling(value) in known:
            found.append(known[spelling(value)])
        elif isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(names):
            raise ValueError(f'Expected a gt_label in [0, {len(names) - 1}] in {where}, but got {value!r}.')
        else:
            found.append(names[value])
    if len(set(found)) < len(found):
        raise ValueError(f'Expected every class once as gt_label in {where}, but got {label!r}.')
    return tuple(found)


def read_class_folders(folder: str, classes: Sequence[str] = (), follow_links: bool = False) -> LabelTable:
    """One row an image; its class is the sub-folder of the first level.

    Args:
        folder: The folder of the class folders.
        classes: Names that the user gave: then folders called train or test may be classes.
        follow_links: Also go into folders that are links.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If an image is in no class folder, or the folders are parts of a data set and not classes.
    """
    if not osp.isdir(folder):
        raise FileNotFoundError(f'Expected a folder with one sub-folder a class, but there is no {folder}.')
    scan = FolderScan(folder, follow_links)
    rows, stray = [], []
    for name in scan:
        top, _, rest = name.partition(os.sep)
        if not rest:
            stray.append(name)
            continue
        rows.append(LabelRow(name, (top,), osp.join(folder, name)))
    if stray:
        raise ValueError(
            f'Expected every image in a sub-folder named for its class, but got {osp.join(folder, stray[0])}'
            + (f' and {len(stray) - 1} more.' if len(stray) > 1 else '.')
        )
    counts = Counter({name: number for name, number in scan.folders.items() if number})
    _refuse_splits(folder, counts, scan, classes)
    main = main_spellings(counts)
    rows = [replace(row, labels=(main[spelling(row.labels[0])],)) for row in rows]
    notes = [line for line in scan.notes() if any(f'left out: {reason} ' in line for reason in _WORTH_SAYING)]
    empty = sorted(name for name, number in scan.folders.items() if not number)
    if empty:
        notes.append(f'folders without images are no classes: {", ".join(empty)}')
    notes += _spelling_notes(counts, main)
    return LabelTable(rows, tuple(sorted(main.values())), folder, notes, scan)


def _refuse_splits(folder: str, counts: Counter, scan: FolderScan, classes: Sequence[str]) -> None:
    """``train/`` and ``test/`` are no classes, and a single ``train/<class>/`` is one level too deep."""
    names = sorted(counts)
    if classes or not look_like_splits(names) or (len(names) == 1 and scan.direct[names[0]]):
        return
    raise ValueError(
        f'Expected one sub-folder a class in {folder}, but {", ".join(names)} look like parts of a data set: give the '
        f'folder of one part ({osp.join(folder, names[0])}) to train on, and the others as val_img and test_img.'
    )
