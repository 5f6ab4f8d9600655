"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmwsss.datasets.metainfo import IGNORE_LABEL, png_palette
from mmwsss.evaluation import confusion_matrix
from mmwsss.exports.review import encode_runs
from mmwsss.utils.errors import InputError
from mmwsss.visualization.charts import line_chart
from mmwsss.visualization.kept_maps import doubt, shrink
from mmwsss.visualization.page import data_address, grey_address, write_page
from mmwsss.visualization.report_tables import camera_of, camera_table, confusion_table, figure_table

_SIDES = (512, 384, 256, 192)  # of a picture, in pixels: the first with which the page stays below the limit
_MAP_SIDE, _MASK_SIDE, _QUALITY = 96, 256, 82
_LIMIT = 10_000_000  # bytes of the page


@dataclass
class GalleryRow:
    """One image in the gallery.

    Attributes:
        name: File name.
        group: ``'worst'``, ``'best'``, ``'false alarm'``, ``'least certain'`` or ``'sample'``.
        img: uint8 RGB (H, W, 3).
        cam: float (H, W) in [0, 1]: the highest of the maps of its classes.
        unrefined: uint8 (H, W), the thresholded map.
        refined: uint8 (H, W), the pseudo mask.
        prediction: uint8 (H, W), of the segmentor, or None.
        truth: uint8 (H, W), or None.
        score: IoU of the prediction (else of the pseudo mask) with the ground truth, or None.
        img_path: Path of the image.
        maps: Pairs of a pixel value and a raw map, float (h, w) in [0, 1], one a class of the image; the page's class
            and threshold work on them. None: ``cam`` stands for all.
        labels: Names of the classes of the image's label.
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
    maps: list[tuple[int, np.ndarray]] | None = None
    labels: Sequence[str] = ()

    @property
    def best_mask(self) -> np.ndarray:
        """The segmentor's mask, else the pseudo mask."""
        return self.refined if self.prediction is None else self.prediction

    @property
    def false_alarm(self) -> float | None:
        """Share of the pixels that the mask wrongly gives a class, in [0, 1]; None without ground truth."""
        if self.truth is None:
            return None
        mask = self.best_mask
        alarm = (mask != 0) & (mask != IGNORE_LABEL) & (self.truth != IGNORE_LABEL) & (mask != self.truth)
        return float(alarm.mean())

    @property
    def coverage(self) -> float:
        """Share of the pixels that the mask gives a class, in [0, 1]."""
        return float(((self.best_mask != 0) & (self.best_mask != IGNORE_LABEL)).mean())

    def raw_maps(self, num_classes: int) -> list[tuple[int, np.ndarray]]:
        """The maps, or ``cam`` under the first value that the unrefined mask has."""
        if self.maps is not None:
            return self.maps
        values = [value for value in np.unique(self.unrefined).tolist() if 0 < value <= num_classes]
        return [(values[0] if values else 1, self.cam)]


def _small_mask(mask: np.ndarray) -> np.ndarray:
    factor = min(_MASK_SIDE / max(mask.shape), 1)
    size = [max(round(side * factor), 1) for side in mask.shape[::-1]]
    return cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)


def _row_data(row: GalleryRow, num_classes: int, threshold: float, side: int, pattern: str | None) -> dict[str, Any]:
    masks = {
        'unrefined mask': row.unrefined,
        'refined mask': row.refined,
        'segmentor': row.prediction,
        'ground truth': row.truth,
    }
    small = {name: _small_mask(mask) for name, mask in masks.items() if mask is not None}
    maps = row.raw_maps(num_classes)
    height, width = small['refined mask'].shape
    return {
        'name': row.name,
        'group': row.group,
        'labels': list(row.labels),
        'camera': camera_of(row.img_path, pattern) if row.img_path else '',
        'score': None if row.score is None else float(row.score),
        'doubt': doubt([(value, np.asarray(values)) for value, values in maps], threshold),
        'falseAlarm': row.false_alarm,
        'coverage': row.coverage,
        'width': width,
        'height': height,
        'picture': data_address(shrink(np.asarray(row.img), side), _QUALITY),
        'maps': [
            {'value': value, 'png': grey_address(shrink(np.asarray(values, np.float32), _MAP_SIDE))}
            for value, values in maps
        ],
        'masks': {name: encode_runs(mask) for name, mask in small.items()},
    }


def _threshold_of(stages: Mapping[str, Mapping[str, Any]]) -> float:
    """Where the page's threshold stands at first: the one that the last maps are cut at, else 0.3."""
    values = [stage.get('threshold') for stage in stages.values() if stage.get('kind') != 'segmentor']
    return next((float(value) for value in reversed(values) if isinstance(value, (int, float))), 0.3)


def _label_source(stages: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Which labels chose the classes of the last masks."""
    return next((source for stage in reversed(list(stages.values())) if (source := stage.get('label_source'))), None)


def _threshold_chart(
    curves: Mapping[str, Mapping[str, Sequence[float]]], stages: Mapping[str, Mapping[str, Any]]
) -> str:
    lines = {name: (curve['thresholds'], curve['iou_dataset']) for name, curve in curves.items()}
    dots = [
        (name, stages[name]['threshold'], stages[name].get('iou_dataset') or 0)
        for name in curves
        if (stages.get(name) or {}).get('threshold') is not None
    ]
    floors = [
        floor['iou_dataset']
        for stage in stages.values()
        if (floor := stage.get('floor_all_foreground')) and floor['iou_dataset'] is not None
    ]
    title = 'IoU of the set against the threshold of the maps: ' + ', '.join(lines)
    level = ('all foreground', floors[0]) if floors else None
    return line_chart(lines, title, ('threshold', 'IoU of the set'), dots, level, unit_axes=True)


_FIGURES = ('iou_image', 'iou_dataset', 'miou', 'false_alarm_images')  # of a segmentor; others have another scale


def _training_charts(
    training: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
) -> list[dict[str, str]]:
    charts = []
    for stage, curves in training.items():
        losses = {name: curve for name, curve in curves.items() if 'loss' in name}
        others = {name: curves[name] for name in _FIGURES if name in curves} or {
            name: curve for name, curve in curves.items() if 'loss' not in name
        }
        for kind, lines in (('losses', losses), ('figures', others)):  # they differ in their scales
            if lines:
                title = f'Training of {stage}, {kind}: ' + ', '.join(lines)
                svg = line_chart(lines, title, ('step', 'loss' if kind == 'losses' else 'value'))
                charts.append({'name': f'{stage}, {kind}', 'svg': svg})
    return charts


def _confusions(
    confusion: Mapping[str, np.ndarray] | None, gallery: Sequence[GalleryRow], classes: Sequence[str]
) -> list[dict[str, Any]]:
    if confusion is not None:
        return [{'name': name, **confusion_table(np.asarray(matrix), classes)} for name, matrix in confusion.items()]
    rows = [row for row in gallery if row.truth is not None]
    if not rows or not classes:
        return []
    matrix = sum(confusion_matrix(row.best_mask, row.truth, len(classes)) for row in rows if row.truth is not None)
    return [
        {
            'name': f'the {len(rows)} pictures below that have ground truth',
            **confusion_table(np.asarray(matrix), classes),
        }
    ]


def write_report(
    path: str | Path,
    summary: Mapping[str, Any],
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    gallery: Sequence[GalleryRow],
    *,
    training: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]] | None = None,
    confusion: Mapping[str, np.ndarray] | None = None,
    images: Sequence[Mapping[str, Any]] | None = None,
    camera_pattern: str | None = None,
    measured: Mapping[str, Any] | None = None,
    limit_bytes: int = _LIMIT,
) -> dict[str, Any]:
    """Write the report.

    Args:
        path: The HTML file.
        summary: What stands in ``summary.json``.
        curves: Threshold curves by stage, from :meth:`mmwsss.evaluation.CamFigures.curve`.
        gallery: Images, in order.
        training: Curves by stage, from :func:`mmwsss.visualization.charts.read_training`.
        confusion: Confusion matrices, pixels by true and predicted value, by name; by default one of the gallery.
        images: Figures of every image for the table of cameras (see
            :func:`~mmwsss.visualization.report_tables.camera_table`); by default those of the gallery.
        camera_pattern: Regular expression whose first group names the camera; by default a picture's folder does.
        measured: What was measured, chosen and promised without masks, for the top of the page; see
            :func:`mmwsss.apis.measuring.measure_masks`.
        limit_bytes: Pictures are made smaller, and then fewer, until the page has no more bytes than this.

    Returns:
        dict: ``bytes``, ``pictures`` shown, ``picture_side`` in pixels.

    Raises:
        ValueError: If a confusion matrix or the pattern does not fit, or the page cannot be made small enough.
    """
    stages, classes = summary['stages'], list(summary.get('classes') or ())
    threshold = _threshold_of(stages)
    num_classes = len(classes) or 1
    cameras = camera_table(
        images if images is not None else [_figures(row) for row in gallery if row.img_path], camera_pattern
    )
    colours = png_palette(max(num_classes, 1))
    values = {
        'title': summary['title'],
        'seed': summary['seed'],
        'classes': ', '.join(classes),
        'versions': summary['versions'],
        'figures': figure_table(stages),
        'label_source': _label_source(stages),
        'curve': _threshold_chart(curves, stages) if curves else '',
        'training': _training_charts(training or {}),
        'confusions': _confusions(confusion, gallery, classes),
        'cameras': cameras if len(cameras) > 1 else [],
        'cameras_of_gallery': images is None,
        'threshold': threshold,
        'measured': measured,
        'corrections': {name: stage['corrections'] for name, stage in stages.items() if stage.get('corrections')},
    }
    data: dict[str, Any] = {
        'classes': [{'value': value, 'name': name} for value, name in enumerate(classes, 1)],
        'colours': [list(colours[3 * value : 3 * value + 3]) for value in range(256)],
    }
    for side in _SIDES:
        data['rows'] = [_row_data(row, num_classes, threshold, side, camera_pattern) for row in gallery]
        left_out = 0
        while True:
            values['left_out'] = left_out
            write_page(path, 'report.html', data, ('page.css', 'report.css'), ('maps.js', 'report.js'), **values)
            size = Path(path).stat().st_size
            if size <= limit_bytes:
                return {'bytes': size, 'pictures': len(data['rows']), 'picture_side': side}
            if side != _SIDES[-1]:
                break
            if not data['rows']:
                raise InputError(f'Expected a report of at most {limit_bytes} bytes, but {path} has {size}.')
            fewer = int(len(data['rows']) * 0.9)
            left_out += len(data['rows']) - fewer
            data['rows'] = data['rows'][:fewer]
    raise InputError(f'Expected a report of at most {limit_bytes} bytes, but {path} is larger.')


def _figures(row: GalleryRow) -> dict[str, Any]:
    return {
        'img_path': row.img_path,
        'score': row.score,
        'false_alarm': row.false_alarm,
        'coverage': row.coverage,
    }
