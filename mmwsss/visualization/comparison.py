"""Several runs in one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from mmwsss.utils.errors import InputError
from mmwsss.utils.files import read_json

COLUMNS = (
    ('IoU of the set', ('iou_dataset',)),
    ('IoU of images', ('iou_image',)),
    ('mIoU', ('miou',)),
    ('at 0.3: IoU of the set', ('at_0.3', 'iou_dataset')),
    ('at val threshold: IoU of the set', ('at_val_threshold', 'iou_dataset')),
    ('oracle: IoU of the set', ('oracle', 'iou_dataset')),
    ('co-occurrence', ('co_occurrence',)),
    ('all images: IoU of the set', ('all_images', 'iou_dataset')),
    ('images above 1 %', ('false_alarms', 'large_images')),
)


def rows_of(stages: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names and figures of a summary's stages; one that makes masks is a line for each kind of mask and each split."""
    floors: list[Any] = []
    for name, stage in stages.items():
        if stage.get('kind') == 'pseudo':
            for split, figures in (('training', stage), ('test', stage.get('test') or {})):
                if figures.get('unrefined'):
                    yield f'{name}: unrefined mask ({split} images)', figures['unrefined']
                    yield f'{name}: refined mask ({split} images)', figures
                if figures.get('floor'):
                    yield f'floor: all foreground ({split} images)', figures['floor']
            continue
        yield name, stage
        floor = stage.get('floor_all_foreground')
        if floor and floor not in floors:  # networks that are tested on the same images share theirs
            floors.append(floor)
            yield 'floor: all foreground (of these maps)', floor


def _value(figures: Any, keys: Sequence[str]) -> float | None:
    for key in keys:
        figures = figures.get(key) if isinstance(figures, Mapping) else None
    return figures if isinstance(figures, (int, float)) and figures == figures else None


def comparison_table(paths: Sequence[Path]) -> str:
    """A Markdown table in percent: mean, and standard deviation where there are several runs with the figure.

    Args:
        paths: ``summary.json`` files.

    Raises:
        ValueError: If there is none.
    """
    if not paths:
        raise InputError('Expected at least one summary.json, but got none.')
    collected: dict[str, list[Mapping[str, Any]]] = {}
    for path in paths:
        for name, figures in rows_of(read_json(path)['stages']):
            collected.setdefault(name, []).append(figures)
    lines = ['| | runs | ' + ' | '.join(title for title, _ in COLUMNS) + ' |', '|---' * (len(COLUMNS) + 2) + '|']
    for name, runs in collected.items():
        cells = []
        for _, keys in COLUMNS:
            values = [value for run in runs if (value := _value(run, keys)) is not None]
            factor, digits = (1, 2) if keys == ('co_occurrence',) else (100, 1)
            spread = f' ± {stdev(values) * factor:.{digits}f}' if len(values) > 1 else ''
            cells.append(f'{mean(values) * factor:.{digits}f}{spread}' if values else '')
        lines.append(f'| {name} | {len(runs)} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)
