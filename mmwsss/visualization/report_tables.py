"""The tables of the report: figures of the stages, confusion, cameras."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from mmwsss.datasets.metainfo import segmentation_classes
from mmwsss.utils.errors import InputError
from mmwsss.visualization.comparison import rows_of

FIGURES = (
    ('IoU of images', ('iou_image',)),
    ('IoU of the set', ('iou_dataset',)),
    ('mIoU', ('miou',)),
    ('at 0.3: IoU of the set', ('at_0.3', 'iou_dataset')),
    ('oracle: IoU of the set', ('oracle', 'iou_dataset')),
    ('false alarms: pixels', ('false_alarms', 'pixels')),
    ('images above 1 %', ('false_alarms', 'large_images')),
    ('co-occur\xadrence', ('co_occurrence',)),
    ('threshold', ('threshold',)),
    ('seconds', ('seconds',)),
)


def cell(value: Any, digits: int = 3) -> str:
    """A figure as text; a dash where there is none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value != value:
        return '–'
    return f'{value:.{digits}f}'


def _look_up(stage: Mapping[str, Any], keys: Sequence[str]) -> Any:
    value: Any = stage
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _stage_rows(stages: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    for name, figures in rows_of(stages):
        yield name, figures.get('threshold_source', ''), figures


def figure_table(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The stages' figures; columns that no stage has are left out.

    Returns:
        dict: ``columns`` and ``rows``, each with ``name``, ``source`` (of its threshold) and ``cells``.
    """
    rows: list[dict[str, Any]] = []
    for name, source, stage in _stage_rows(stages):
        texts = [cell(_look_up(stage, keys), 0 if keys == ('seconds',) else 3) for _, keys in FIGURES]
        rows.append({'name': name, 'source': source, 'cells': texts, 'floor': name.startswith('floor')})
    used = [index for index in range(len(FIGURES)) if any(row['cells'][index] != '–' for row in rows)]
    for row in rows:
        row['cells'] = [row['cells'][index] for index in used]
    return {'columns': [FIGURES[index][0] for index in used], 'rows': rows}


def confusion_table(matrix: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """A confusion matrix in percent of each true class.

    Args:
        matrix: (K + 1, K + 1) or, with a column of open pixels, (K + 1, K + 2).
        classes: Names of the K classes.

    Raises:
        ValueError: If the matrix does not fit the classes.
    """
    names = segmentation_classes(classes)
    if matrix.ndim != 2 or len(matrix) != len(names) or matrix.shape[1] - len(names) not in (0, 1):
        raise ValueError(f'Expected a confusion matrix of {len(names)} rows and columns, but got {matrix.shape}.')
    open_pixels = matrix.shape[1] > len(names) and matrix[:, -1].any()
    columns = [*names, *(['left open'] if open_pixels else [])]
    rows = []
    for name, counts in zip(names, matrix[:, : len(columns)]):
        total = counts.sum()
        if total:
            rows.append({'name': name, 'pixels': int(total), 'shares': [float(count / total) for count in counts]})
    return {'columns': columns, 'rows': rows}


def camera_of(img_path: str, pattern: str | None = None) -> str:
    """The camera that took a picture: the first group of a pattern, or else the picture's folder.

    Args:
        img_path: Path of the picture.
        pattern: Regular expression that is searched in the path.

    Returns:
        str: ``'?'`` where the pattern does not match.

    Raises:
        ValueError: If the pattern is no expression with a group.
    """
    if pattern is None:
        return PurePath(img_path).parent.name
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputError(f'Expected a regular expression for cameras, but got {pattern!r}: {error}.') from error
    if not expression.groups:
        raise InputError(f'Expected a group (...) in the pattern of cameras, but got {pattern!r}.')
    found = expression.search(PurePath(img_path).as_posix())
    return found.group(1) if found else '?'


def camera_table(images: Iterable[Mapping[str, Any]], pattern: str | None = None) -> list[dict[str, Any]]:
    """Figures of each camera, the one with the lowest IoU first.

    Args:
        images: Dicts with ``img_path``, and ``score`` (IoU), ``false_alarm`` and ``coverage`` (shares of the pixels);
            figures may be None.
        pattern: See :func:`camera_of`.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for image in images:
        groups.setdefault(camera_of(image['img_path'], pattern), []).append(image)
    rows = []
    for name, members in groups.items():
        row: dict[str, Any] = {'name': name, 'images': len(members)}
        for key in ('score', 'false_alarm', 'coverage'):
            values = [member[key] for member in members if member.get(key) is not None]
            row[key] = float(np.mean(values)) if values else None
        rows.append(row)
    rows.sort(key=lambda row: (row['score'] is None, row['score'] or 0.0, row['name']))
    return [{**row, **{key: cell(row[key]) for key in ('score', 'false_alarm', 'coverage')}} for row in rows]
