"""Trainings side by side, from the logs that MMEngine left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.visualization.charts import read_training, scalar_rows

Curves = dict[str, tuple[list[float], list[float]]]


def read_logs(work_dirs: Sequence[str | Path]) -> dict[str, Curves]:
    """Curves of trainings by work folder.

    Args:
        work_dirs: Work folders of MMEngine's runner.

    Raises:
        FileNotFoundError: If one of them holds no log.
    """
    found = {}
    for folder in map(str, work_dirs):
        found[folder] = read_training(folder)
        if not found[folder]:
            raise MissingFileError(
                f'Expected a log of a training in {folder}, but there is no */vis_data/scalars.json with values.'
            )
    return found


def seconds_a_step(work_dir: str | Path) -> float | None:
    """Median seconds of a training step, loading included; None where the log has none."""
    times = [row['time'] for row in scalar_rows(work_dir) if 'loss' in row and isinstance(row.get('time'), float)]
    return median(times) if times else None


def log_table(work_dirs: Sequence[str | Path]) -> str:
    """A Markdown table: each logged value at the beginning, at the end, and the lowest and highest, by training.

    Args:
        work_dirs: Work folders of MMEngine's runner.

    Raises:
        FileNotFoundError: If one of them holds no log.
    """
    lines = ['| training | value | first | last | lowest (step) | highest (step) |', '|---|---|---|---|---|---|']
    for folder, curves in read_logs(work_dirs).items():
        for name, (steps, values) in curves.items():
            low, high = min(range(len(values)), key=values.__getitem__), max(range(len(values)), key=values.__getitem__)
            cells = [f'{values[0]:.4g}', f'{values[-1]:.4g}']
            cells += [f'{values[index]:.4g} ({steps[index]:.0f})' for index in (low, high)]
            lines.append(f'| {folder} | {name} | ' + ' | '.join(cells) + ' |')
        seconds = seconds_a_step(folder)
        if seconds is not None:
            lines.append(f'| {folder} | seconds a step (median) | | {seconds:.3g} | | |')
    return '\n'.join(lines)


def draw_logs(work_dirs: Sequence[str | Path], keys: Sequence[str], path: str | Path) -> None:
    """Draw curves of trainings into a picture: a panel for each value, a line for each training that has it.

    Args:
        work_dirs: Work folders of MMEngine's runner.
        keys: Names of logged values.
        path: Picture to write; its suffix says the format (``.png``, ``.svg``, ``.pdf``).

    Raises:
        FileNotFoundError: If a folder holds no log.
        ValueError: If no training logged one of the values; lists those that are there.
    """
    logs = read_logs(work_dirs)
    known = sorted({name for curves in logs.values() for name in curves})
    unknown = [key for key in keys if key not in known]
    if unknown or not keys:
        raise InputError(f'Expected values of {known}, but got {unknown[0] if unknown else "none"!r}.')
    figure = Figure(figsize=(6, 3 * len(keys)), layout='constrained')
    for axes, key in zip(figure.subplots(len(keys), squeeze=False)[:, 0], keys):
        for folder, curves in logs.items():
            if key in curves:
                steps, values = curves[key]
                axes.plot(steps, values, label=folder, marker='.' if len(steps) < 20 else '')
        axes.set(xlabel='step', ylabel=key)
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)
