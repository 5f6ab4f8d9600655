"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from mmwsss.utils.files import atomic_write
from mmwsss.visualization.overlay import heat_overlay, mask_overlay

_TILE = 192  # pixels of a tile's longer side

_TABLE = (
    ('IoU of images', 'iou_image'),
    ('IoU of the set', 'iou_dataset'),
    ('mIoU with background', 'miou'),
    ('at 0.3: IoU of the set', 'at_0.3.iou_dataset'),
    ('oracle: IoU of the set', 'oracle.iou_dataset'),
    ('oracle: IoU of images', 'oracle.iou_image'),
    ('co-occurrence', 'co_occurrence'),
    ('threshold', 'threshold'),
    ('seconds', 'seconds'),
)


@dataclass
class GalleryRow:
    """One image in the gallery.

    Attributes:
        name: File name.
        group: ``'worst'``, ``'best'`` or ``'sample'``.
        img: uint8 RGB (H, W, 3).
        cam: float (H, W) in [0, 1].
        unrefined: uint8 (H, W), the thresholded map.
        refined: uint8 (H, W), the pseudo mask.
        prediction: uint8 (H, W), of the segmentor, or None.
        truth: uint8 (H, W), or None.
        score: IoU of the prediction (else of the pseudo mask) with the ground truth, or None.
        img_path: Path of the image.
    """

    name: str
    group: str
    img: np.ndarray
    cam: np.ndarray
    unrefined: np.ndarray
    refined: np.ndarray
    prediction: np.ndarray | None
    truth: np.ndarray | None
    score: float | None
    img_path: str = ''


def _data_url(picture: np.ndarray) -> str:
    image = Image.fromarray(picture)
    image.thumbnail((_TILE, _TILE))
    buffer = io.BytesIO()
    image.save(buffer, format='JPEG', quality=85)
    return 'data:image/jpeg;base64,' + base64.b64encode(buffer.getvalue()).decode()


def _tiles(row: GalleryRow) -> dict[str, str | None]:
    masks = {
        'unrefined mask': row.unrefined,
        'refined mask': row.refined,
        'segmentor': row.prediction,
        'ground truth': row.truth,
    }
    return {
        'image': _data_url(row.img),
        'CAM': _data_url(heat_overlay(row.img, row.cam)),
        **{name: None if mask is None else _data_url(mask_overlay(row.img, mask)) for name, mask in masks.items()},
    }


def _curve_svg(curves: Mapping[str, Mapping[str, Sequence[float]]], stages: Mapping[str, Mapping[str, Any]]) -> str:
    figure = Figure(figsize=(7, 3.4), layout='constrained')
    axes = figure.subplots()
    for name, curve in curves.items():
        (line,) = axes.plot(curve['thresholds'], curve['iou_dataset'], label=name)
        threshold = stages[name].get('threshold')
        if threshold is not None:
            value = stages[name].get('iou_dataset') or 0
            axes.plot([threshold], [value], 'o', color=line.get_color())
    floor = next(
        (s['floor_all_foreground']['iou_dataset'] for s in stages.values() if 'floor_all_foreground' in s), None
    )
    if floor is not None:
        axes.axhline(floor, color='grey', linestyle=':', label='all foreground')
    axes.set(xlabel='threshold', ylabel='IoU of the set', xlim=(0, 1), ylim=(0, None))
    axes.legend(frameon=False)
    buffer = io.StringIO()
    figure.savefig(buffer, format='svg')
    text = buffer.getvalue()
    return text[text.index('<svg') :]


def _value_at(stage: Mapping[str, Any], key: str) -> Any:
    value: Any = stage
    parts = ['at_0.3', key[7:]] if key.startswith('at_0.3.') else key.split('.')
    for part in parts:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _cell(value: Any, key: str) -> str:
    if not isinstance(value, (int, float)) or value != value:
        return '–'
    return f'{value:.0f}' if key == 'seconds' else f'{value:.3f}'


def _rows(stages: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lines of the table; the pseudo stage is several."""
    rows: list[tuple[str, str, Mapping[str, Any]]] = []
    for name, stage in stages.items():
        if name in ('scenes', 'pretrain'):
            continue
        if name == 'pseudo':
            for split, figures in (('training', stage), ('test', stage.get('test') or {})):
                if figures.get('unrefined'):
                    rows.append((f'unrefined mask ({split} images)', '', figures['unrefined']))
                    rows.append((f'refined mask ({split} images)', '', figures))
            continue
        rows.append((name, stage.get('threshold_source', ''), stage))
    return [
        {'name': name, 'source': source, 'cells': [_cell(_value_at(stage, key), key) for _, key in _TABLE]}
        for name, source, stage in rows
    ]


def write_report(
    path: str | Path,
    summary: Mapping[str, Any],
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    gallery: Sequence[GalleryRow],
) -> None:
    """Write the report.

    Args:
        path: The HTML file.
        summary: What stands in ``summary.json``.
        curves: Threshold curves by stage, from :meth:`mmwsss.evaluation.CamFigures.curve`.
        gallery: Images, in order.
    """
    stages = summary['stages']
    floors = {
        'all foreground (test)': next(
            (s['floor_all_foreground'] for s in stages.values() if s.get('floor_all_foreground')), None
        ),
        'all foreground (training)': (stages.get('pseudo') or {}).get('floor'),
    }
    environment = jinja2.Environment(autoescape=True, loader=jinja2.FileSystemLoader(Path(__file__).parent))
    html = environment.get_template('report.html').render(
        title=summary['title'],
        seed=summary['seed'],
        classes=', '.join(summary.get('classes') or ()),
        versions=summary['versions'],
        columns=[label for label, _ in _TABLE],
        rows=_rows(stages),
        floors={name: value for name, value in floors.items() if value},
        label_source=(stages.get('pseudo') or {}).get('label_source'),
        curve=_curve_svg(curves, stages) if curves else '',
        gallery=[
            {'name': row.name, 'group': row.group, 'score': _cell(row.score, ''), 'tiles': _tiles(row)}
            for row in gallery
        ],
    )
    with atomic_write(path) as handle:
        handle.write(html)
