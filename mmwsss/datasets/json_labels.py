"""Image-level labels from MMPretrain's JSON; see :mod:`mmwsss.datasets.label_file`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mmwsss.datasets.label_table import LabelRow, LabelTable
from mmwsss.datasets.spelling import names_of, spelling
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import read_json


def read_json_labels(path: str) -> LabelTable:
    """Rows of a JSON file.

    Raises:
        ValueError: If it has another form, or an entry is wrong; names file and entry.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get('data_list'), list):
        got = type(content).__name__ if not isinstance(content, dict) else f'an object with {list(content)[:5]}'
        raise InputError(
            f'Expected metainfo.classes and a data_list of img_path and gt_label in {path}, but it is {got}.'
        )
    metainfo = content.get('metainfo')
    given = metainfo.get('classes') if isinstance(metainfo, dict) else None
    if not isinstance(given, (str, list)):
        raise InputError(
            f'Expected metainfo.classes and a data_list of img_path and gt_label in {path}, '
            f'but got {given!r} as classes.'
        )
    names = names_of(given, f'metainfo.classes of {path}')
    places, labels = [], []
    for number, entry in enumerate(content['data_list']):
        where = f'{path}, data_list[{number}]'
        if not isinstance(entry, dict) or 'img_path' not in entry or 'gt_label' not in entry:
            raise InputError(f'Expected img_path and gt_label in {where}, but got {json.dumps(entry)[:120]}.')
        if not isinstance(entry['img_path'], str) or not entry['img_path'].strip():
            raise InputError(f'Expected a text as img_path in {where}, but got {entry["img_path"]!r}.')
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
            raise InputError(f'Expected a gt_label in [0, {len(names) - 1}] in {where}, but got {value!r}.')
        else:
            found.append(names[value])
    if len(set(found)) < len(found):
        raise InputError(f'Expected every class once as gt_label in {where}, but got {label!r}.')
    return tuple(found)
