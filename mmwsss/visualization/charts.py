"""Curves as SVG that takes the page's colours, in light and in dark."""

from __future__ import annotations

import contextlib
import html
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

_COLOURS = ('#2a7ab8', '#c8641b', '#2b9a66', '#b0629f', '#808080')  # 3 : 1 and more on white and on the dark page
_DASHES = ('-', '--', '-.', ':', (0, (5, 1, 1, 1)))  # lines can be told apart without their colours
_NOT_CURVES = frozenset({'step', 'iter', 'epoch', 'lr', 'base_lr', 'time', 'data_time', 'memory', 'grad_norm'})


def line_chart(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
    labels: tuple[str, str],
    dots: Iterable[tuple[str, float, float]] = (),
    level: tuple[str, float] | None = None,
    unit_axes: bool = False,
) -> str:
    """An SVG element of curves.

    Args:
        lines: Horizontal and vertical values by name.
        title: What a screen reader says.
        labels: Of the two axes.
        dots: Marked points: the curve's name and the two values.
        level: Name and height of a horizontal line.
        unit_axes: Whether the horizontal axis runs from 0 to 1.
    """
    # texts stay texts, and what is drawn in black takes the colour of the page's text
    with matplotlib.rc_context({'svg.fonttype': 'none', 'svg.hashsalt': title, 'font.size': 11}):
        figure = Figure(figsize=(5.4, 3.3), layout='constrained')
        axes = figure.subplots()
        drawn = {}
        for index, (name, (x, y)) in enumerate(lines.items()):
            (drawn[name],) = axes.plot(x, y, label=name, marker='.' if len(x) < 3 else '')
            drawn[name].set(color=_COLOURS[index % len(_COLOURS)], linestyle=_DASHES[index % len(_DASHES)])
        for name, x_value, y_value in dots:
            axes.plot([x_value], [y_value], 'o', color=drawn[name].get_color())
        if level is not None:
            axes.axhline(level[1], color='#808080', linestyle=':', label=level[0])
        axes.set(xlabel=labels[0], ylabel=labels[1])
        if unit_axes:
            axes.set(xlim=(0, 1), ylim=(0, None))
        axes.spines[['top', 'right']].set_visible(False)
        axes.legend(frameon=False, fontsize=10)
        buffer = io.StringIO()
        figure.savefig(buffer, format='svg', transparent=True)
    text = buffer.getvalue()
    text = text[text.index('<svg') :].replace('#000000', 'currentColor')
    start, rest = text.split('>', 1)
    box = start[start.index('viewBox') :]
    return f'<svg role="img" aria-label="{html.escape(title)}" class="chart" {box}>{rest}'


def scalar_rows(work_dir: str | Path) -> list[dict[str, Any]]:
    """What MMEngine logged in its last run in a work folder, line by line.

    Args:
        work_dir: Work folder of a runner; its ``vis_data/scalars.json`` has a line for each logged step.

    Returns:
        list: empty where nothing was logged.
    """
    paths = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    rows = []
    for line in paths[-1].read_text(encoding='utf-8').splitlines() if paths else []:
        with contextlib.suppress(json.JSONDecodeError):  # a killed run's last line
            rows.append(json.loads(line))
    return rows


def read_training(work_dir: str | Path) -> dict[str, tuple[list[float], list[float]]]:
    """Losses and figures of MMEngine's last run in a work folder, by name: steps and values.

    Args:
        work_dir: See :func:`scalar_rows`.

    Returns:
        dict: empty where nothing was logged. Figures of a validation after an epoch, which MMEngine logs by the epoch,
        stand at the last training step that was logged before.
    """
    curves: dict[str, tuple[list[float], list[float]]] = {}
    last = None  # step of a training by epochs
    for row in scalar_rows(work_dir):
        if 'epoch' in row:
            last = row.get('step', last)
        step = row.get('step') if 'iter' in row or last is None else last
        for name, value in row.items():
            if name not in _NOT_CURVES and isinstance(value, (int, float)) and value == value:
                steps, values = curves.setdefault(name, ([], []))
                steps.append(float(len(steps) if step is None else step))
                values.append(float(value))
    return curves
