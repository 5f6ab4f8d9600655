"""Rows beside what was measured, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import mean, stdev
from typing import Any

from mmwsss.tables.power import LEVEL, POWER, seeds_needed, smallest_difference
from mmwsss.tables.rows import Row

_FIGURE = '<figure>'
"""Stands for the figure that a row is compared by."""

COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ('measured', (_FIGURE,)),
    ('IoU of the set', ('iou_dataset',)),
    ('at val threshold', ('at_val_threshold', _FIGURE)),
    ('oracle', ('oracle', _FIGURE)),
)
POINTS = (1, 2, 5)
"""Differences whose number of seeds is told."""
CO_OCCURRENCE = ('co-occurrence', ('co_occurrence',))
"""A column of data sets with masks of what classes co-occur with; no percentage."""


def _values(figures: Sequence[Mapping[str, Any]], keys: Sequence[str], row: Row, factor: float = 100.0) -> list[float]:
    found = []
    for entry in figures:
        value: Any = entry
        for key in keys:
            value = value.get(row.figure if key == _FIGURE else key) if isinstance(value, Mapping) else None
        if isinstance(value, (int, float)) and value == value:
            found.append(factor * float(value))
    return found


def _cell(values: Sequence[float], digits: int = 1) -> str:
    if not values:
        return ''
    return f'{mean(values):.{digits}f}' + (f' ± {stdev(values):.{digits}f}' if len(values) > 1 else '')


def paired_differences(row: Row, entry: Mapping[str, Any]) -> list[float]:
    """Figure minus its control's, in points, of each seed that both have."""
    found = []
    of_control = {figures.get('seed'): figures for figures in entry.get('control', [])}
    for figures in entry.get('figures', []):
        pair = [_values([of], COLUMNS[0][1], row) for of in (figures, of_control.get(figures.get('seed'), {}))]
        if all(pair) and figures.get('seed') is not None:
            found.append(pair[0][0] - pair[1][0])
    return found


def power_lines(rows: Iterable[Row], results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the seeds of each row can tell: a line for each row that two seeds or more share with its control."""
    lines = []
    for row in rows:
        pairs = paired_differences(row, results.get(row.row, {}))
        if len(pairs) < 2:
            continue
        difference, deviation, seeds = mean(pairs), stdev(pairs), len(pairs)
        told = smallest_difference(deviation, seeds)
        needs = ', '.join(str(seeds_needed(points, deviation)) for points in POINTS)
        lines.append(
            f'* {row.row}: {difference:+.1f} ± {deviation:.1f} against its control, paired by {seeds} seeds, which can '
            f'tell {told:.1f} from chance{": too small a difference" if abs(difference) < told else ""}; '
            f'{", ".join(str(points) for points in POINTS)} points need {needs} seeds'
        )
    return lines


def results_table(rows: Iterable[Row], results: Mapping[str, Mapping[str, Any]]) -> str:
    """A Markdown table in percent, mean ± standard deviation over seeds.

    "measured" is the row's figure at its fixed threshold: in the tables 4.x the mean over test images with the class of
    the foreground IoU, the paper's; in the table ``acr`` the mean IoU of all classes and background. "control" is the
    same of the student alone, with the same seeds, data, epochs and post-processing.

    Args:
        rows: Lines of the table.
        results: Of :class:`~mmwsss.tables.runner.TableRunner`, by row id.
    """
    rows = list(rows)
    names = [name for name, _ in COLUMNS]
    with_context = any('co_occurrence' in figure for entry in results.values() for figure in entry.get('figures', []))
    if with_context:
        names.append(CO_OCCURRENCE[0])
    lines = [
        f'| row | | reported | {names[0]} | control | {" | ".join(names[1:])} | seeds |',
        '|' + '---|' * (5 + len(names)),
    ]
    for row in rows:
        entry = results.get(row.row, {})
        figures = entry.get('figures', [])
        cells = [_cell(_values(figures, keys, row)) for _, keys in COLUMNS]
        if with_context:
            cells.append(_cell(_values(figures, CO_OCCURRENCE[1], row, 1.0), 2))
        if not figures:
            cells[0] = 'cannot run here' if 'missing' in entry else 'not run'
        control = _cell(_values(entry.get('control', []), COLUMNS[0][1], row))
        reported = '' if row.reported is None else f'{row.reported:.2f}'
        lines.append(
            f'| {row.row} | {row.label} | {reported} | {cells[0]} | {control} | {" | ".join(cells[1:])} '
            f'| {len(figures) or ""} |'
        )
    power = power_lines(rows, results)
    if power:
        lines += ['', f'Differences (two-sided t test, level {LEVEL}, power {POWER}):', '', *power]
    missing = {entry['missing']: row.row for row in rows if 'missing' in (entry := results.get(row.row, {}))}
    return '\n'.join([*lines, *(['', *(f'* {message}' for message in missing)] if missing else [])]) + '\n'


def results_json(rows: Iterable[Row], results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their figures: mean and deviation in percent, and everything that was measured of each seed."""
    content = []
    for row in rows:
        entry = results.get(row.row, {})
        summary: dict[str, Any] = {}
        for kind in ('figures', 'control'):
            for name, keys in COLUMNS:
                values = _values(entry.get(kind, []), keys, row)
                if values:
                    label = name if kind == 'figures' else f'control: {name}'
                    summary[label] = {'mean': mean(values), 'std': stdev(values) if len(values) > 1 else None}
        values = _values(entry.get('figures', []), CO_OCCURRENCE[1], row, 1.0)
        if values:
            summary[CO_OCCURRENCE[0]] = {'mean': mean(values), 'std': stdev(values) if len(values) > 1 else None}
        content.append({**asdict(row), 'summary': summary, **entry})
    return content


def list_table(rows: Iterable[Row]) -> str:
    """Plain text, a row a line."""
    rows = list(rows)
    width = max(len(row.row) for row in rows)
    configs = max(len(row.config) for row in rows)
    lines = []
    for row in rows:
        reported = '    -' if row.reported is None else f'{row.reported:5.2f}'
        lines.append(f'{row.row:{width}}  {reported}  {row.config:{configs}}  {row.pseudo or "-"}  ({row.label})')
    return '\n'.join(lines)
