"""Image-level labels from CSV; see :mod:`mmwsss.datasets.label_file`."""

from __future__ import annotations

import csv
import os
import os.path as osp
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from mmwsss.datasets.label_table import LabelRow, LabelTable, spelling_notes
from mmwsss.datasets.picture_files import SUFFIXES, UNREAD_SUFFIXES
from mmwsss.datasets.spelling import ABSENT_AND_PRESENT, main_spellings, spelling
from mmwsss.datasets.votes import COLUMNS, read_doubt
from mmwsss.utils.errors import InputError

_NO_CLASS_WORDS = frozenset(
    ['label', 'labels', 'class', 'classes', 'target', 'gt', 'label', 'category', 'y', 'tag', 'tags', 'value']
)


def read_csv_labels(path: str, folder: str, classes: Sequence[str], negatives: Sequence[str]) -> LabelTable:
    """Rows of a CSV file.

    Args:
        path: The file.
        folder: The image folder, to tell a header from a picture's row.
        classes: Names that the user gave.
        negatives: Names that mean "no class".

    Raises:
        ValueError: If a row is wrong; names file and line. So do ``csv.Error`` and ``UnicodeDecodeError``, without.
    """
    return _one_class_of_numbers(_one_spelling(_read_csv(path, folder)), classes, negatives)


def _read_csv(path: str, folder: str) -> LabelTable:
    with open(path, encoding='utf-8-sig', newline='') as handle:
        first = handle.readline()
        handle.seek(0)
        delimiter = next((mark for mark in ',\t;' if mark in first), ',')
        reader = csv.reader(handle, delimiter=delimiter, strict=False)
        head = next(reader, [])
        if len(head) < 2:
            raise InputError(f'Expected a header "path,label" in {path}, but got {",".join(head)!r}.')
        rows, notes, word = [], [], head[1].strip()
        columns = tuple(cell.strip().lower() for cell in head[2:])
        if _is_picture(head[0], folder):
            columns = ()
            rows.append(_csv_row(head, f'{path}, line {reader.line_num}', folder))
            notes.append(f'{path} has no header "path,label": its first line was read as a picture')
            word = ''
        if columns not in COLUMNS:
            raise InputError(
                f'Expected nothing, votes_for and votes_against, or probability behind path and label in the header of '
                f'{path}, but got {",".join(columns)!r}.'
            )
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(_csv_row(cells, f'{path}, line {reader.line_num}', folder, columns))
    names = [name for row in rows for name in row.labels]
    return LabelTable(rows, (word, *names), path, notes)


def _is_picture(cell: str, folder: str) -> bool:
    suffix = osp.splitext(cell.strip())[1].lower()
    return suffix in SUFFIXES or suffix in UNREAD_SUFFIXES or ('\0' not in cell and osp.isfile(osp.join(folder, cell)))


def _csv_row(cells: Sequence[str], where: str, folder: str, columns: tuple[str, ...] = ()) -> LabelRow:
    if len(cells) != 2 + len(columns) or not cells[0].strip():
        form = ','.join(['path,label[;label]', *columns])
        raise InputError(f'Expected "{form}" in {where}, but got {",".join(cells)!r}.')
    labels = tuple(name.strip() for name in cells[1].split(';') if name.strip())
    return LabelRow(_own_separators(cells[0], folder), labels, where, read_doubt(list(cells[2:]), columns, where))


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
    table.notes += spelling_notes(counts, main)
    table.rows = [replace(row, labels=tuple(main[spelling(name)] for name in row.labels)) for row in table.rows]
    table.names = (word, *sorted(main.values()))
    return table


def _one_class_of_numbers(table: LabelTable, classes: Sequence[str], negatives: Sequence[str]) -> LabelTable:
    """Labels 0 and 1 (or no and yes, ...) as "none" and the one class; takes the header's word from ``names``."""
    word, *names = table.names
    table.names = tuple(names)
    keys = {spelling(name) for name in names}
    absent, present = next((pair for pair in ABSENT_AND_PRESENT if keys and keys <= set(pair)), ('', ''))
    own = {spelling(name) for name in (*classes, *negatives)}
    if not present or own & {absent, present} or any(len(row.labels) > 1 for row in table.rows):
        return table
    if len(classes) > 1:
        raise InputError(
            f'Expected names of {list(classes)} in {table.source}, but its labels are {absent} and {present}, which '
            'say of one class whether it is there.'
        )
    name = classes[0] if classes else word if spelling(word) not in _NO_CLASS_WORDS and word else present
    meant = {present: (name,), absent: ()}
    table.rows = [
        replace(row, labels=tuple(one for label in row.labels for one in meant[spelling(label)])) for row in table.rows
    ]
    table.names = (name,)
    hint = '' if name != present else ' (classes=NAME names it)'
    table.notes.append(
        f'the labels are {absent} and {present}: {present} was read as the class {name!r}{hint}, {absent} as no class'
    )
    return table
