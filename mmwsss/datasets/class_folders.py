"""Image-level labels from folders: one sub-folder a class."""

from __future__ import annotations

import os
import os.path as osp
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from mmwsss.datasets.folder_scan import CLOSED, LINKED, OWN, UNREAD, FolderScan
from mmwsss.datasets.label_table import LabelRow, LabelTable, spelling_notes
from mmwsss.datasets.spelling import look_like_splits, main_spellings, spelling
from mmwsss.utils.errors import InputError, MissingFileError

_WORTH_SAYING = (UNREAD, LINKED, CLOSED, OWN)


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
        raise MissingFileError(f'Expected a folder with one sub-folder a class, but there is no {folder}.')
    scan = FolderScan(folder, follow_links)
    rows, stray = [], []
    for name in scan:
        top, _, rest = name.partition(os.sep)
        if not rest:
            stray.append(name)
            continue
        rows.append(LabelRow(name, (top,), osp.join(folder, name)))
    if stray:
        raise InputError(
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
    notes += spelling_notes(counts, main)
    return LabelTable(rows, tuple(sorted(main.values())), folder, notes, scan)


def _refuse_splits(folder: str, counts: Counter, scan: FolderScan, classes: Sequence[str]) -> None:
    """``train/`` and ``test/`` are no classes, and a single ``train/<class>/`` is one level too deep."""
    names = sorted(counts)
    if classes or not look_like_splits(names) or (len(names) == 1 and scan.direct[names[0]]):
        return
    if len(names) == 1:
        raise InputError(
            f'Expected one sub-folder a class in {folder}, but {names[0]} looks like a part of a data set, with the '
            f'classes one level deeper: give {osp.join(folder, names[0])}, or classes={names} if it is a class.'
        )
    raise InputError(
        f'Expected one sub-folder a class in {folder}, but {", ".join(names)} look like parts of a data set: give the '
        f'folder of one part ({osp.join(folder, names[0])}) to train on, and the others as val_img and test_img.'
    )
