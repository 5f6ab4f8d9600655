"""How good masks are, with an interval, from evidence alone: composites, and frames that show nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mmwsss.datasets.groups import FrameGroup
from mmwsss.evaluation.cam_figures import place_of
from mmwsss.evaluation.composite_figures import composites_iou
from mmwsss.evaluation.evidence import CUTS, THRESHOLDS, CompositeCurves, Evidence, FrameCurves
from mmwsss.evaluation.rules import own_probabilities

SIZES = (0.0, 0.01, 0.03, 0.1, 1.0)
"""Borders of the bands of a plume's size, share of the frame."""
OPACITIES = (0.0, 0.35, 0.5, 0.65, 1.0)
"""Borders of the bands of a plume's mean opacity."""
_FOUND = 0.25  # share of a plume from which on it counts as found
_TINY = 1e-12


def interval(
    figure: Callable[[np.ndarray], float],
    blocks: Sequence[str],
    draws: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, float | int]:
    """A figure and its percentile bootstrap over blocks (Efron, 1979): frames of one block are drawn together.

    Args:
        figure: From indices of rows, which may repeat, to a number.
        blocks: The block of each row.
        draws: Number of bootstrap draws.
        confidence: Of the interval.
        seed: Of the draws.

    Returns:
        dict: ``value``, ``low``, ``high`` and ``blocks``; with fewer than two blocks there is no interval.
    """
    names, member = np.unique(np.asarray(blocks), return_inverse=True)
    rows = [np.flatnonzero(member == number) for number in range(len(names))]
    value = figure(np.arange(len(member)))
    if len(names) < 2:
        return {'value': value, 'blocks': len(names)}
    rng = np.random.default_rng(seed)
    drawn = [
        figure(np.concatenate([rows[number] for number in rng.integers(0, len(names), len(names))]))
        for _ in range(draws)
    ]
    low, high = np.nanquantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {'value': value, 'low': float(low), 'high': float(high), 'blocks': len(names)}


def measure(evidence: Evidence, threshold: float, groups: Sequence[FrameGroup] | None = None) -> dict[str, Any]:
    """Figures of a candidate at a threshold, without a mask by anybody.

    Args:
        evidence: Of the candidate.
        threshold: The nearest of the T thresholds counts.
        groups: Camera and hour of each row of ``evidence.frames``; None: not known.

    Returns:
        dict: ``threshold``; ``false_alarms`` of frames without the class: expected share of ``pixels`` and of
        ``frames`` with any, and tables ``by_camera`` and ``by_hour``, all with intervals; ``own_iou``, the IoU that
        the scores expect of themselves, mean over the classes, with an interval; where there are composites ``iou``
        (smoke from an opacity of 0.1 on, with an interval), ``recall`` (of the smoke's pixels from 0.2 on), ``by_size``
        and ``by_opacity`` (recall with an interval, and share of plumes found), and ``context``: of what is marked
        where the smoke is, the share that is marked there without the smoke too.
    """
    place = place_of(threshold, THRESHOLDS)
    frames, composites = evidence.frames, evidence.composites
    result: dict[str, Any] = {'threshold': float(THRESHOLDS[place])}
    if composites is not None:
        result.update(_of_composites(composites, place))
    if frames.positive.any():
        shown = frames.only(np.flatnonzero(frames.positive))
        result['own_iou'] = interval(lambda rows: float(own_probabilities(shown.only(rows))[place]), shown.blocks)
    if not frames.positive.all():
        result['false_alarms'] = _false_alarms(frames, place, groups)
    return result


def _ratio(above: np.ndarray, below: np.ndarray) -> Callable[[np.ndarray], float]:
    return lambda rows: float(above[rows].sum() / max(below[rows].sum(), _TINY))


def _mean(values: np.ndarray, blocks: Sequence[str]) -> dict[str, float | int]:
    return interval(lambda rows: float(values[rows].mean()), blocks)


def _of_composites(composites: CompositeCurves, place: int) -> dict[str, Any]:
    seen = CUTS[1]
    hits, truth = composites.hits[:, place, -1], composites.truth[:, -1]
    ghosts = composites.clean_hits[:, place]

    def iou(rows: np.ndarray) -> float:
        return float(composites_iou(composites.only(rows), seen)[place])

    return {
        'composites': len(composites),
        'iou': interval(iou, composites.blocks),
        'recall': interval(_ratio(hits, truth), composites.blocks),
        'by_size': _bands(truth, SIZES, hits, truth, composites.blocks),
        'by_opacity': _bands(composites.opacity, OPACITIES, hits, truth, composites.blocks),
        'context': interval(_ratio(ghosts, hits), composites.blocks),
    }


def _bands(
    value: np.ndarray, borders: Sequence[float], hits: np.ndarray, truth: np.ndarray, blocks: Sequence[str]
) -> list[dict[str, Any]]:
    """Recall by a property of the plume; bands without a plume are left out."""
    rows = []
    for low, high in zip(borders, borders[1:]):
        inside = (value > low) & (value <= high) & (truth > 0)
        if inside.any():
            marked, smoke = hits[inside], truth[inside]
            of_inside = [blocks[row] for row in np.flatnonzero(inside).tolist()]
            recall = interval(_ratio(marked, smoke), of_inside)
            found = float((marked >= _FOUND * smoke).mean())
            rows.append({'above': low, 'to': high, 'plumes': int(inside.sum()), 'recall': recall, 'found': found})
    return rows


def _false_alarms(frames: FrameCurves, place: int, groups: Sequence[FrameGroup] | None) -> dict[str, Any]:
    rows = np.flatnonzero(~frames.positive)
    area = frames.area[rows, place]
    blocks = [frames.blocks[row] for row in rows.tolist()]
    result: dict[str, Any] = {
        'pixels': _mean(area, blocks),
        'frames': _mean(area > 0, blocks),
    }
    if groups is not None:
        of_rows = [groups[row] for row in rows.tolist()]
        result['by_camera'] = _table(area, [group.camera for group in of_rows], blocks)
        if any(group.hour is not None for group in of_rows):
            hours = ['?' if group.hour is None else f'{group.hour:02}' for group in of_rows]
            result['by_hour'] = _table(area, hours, blocks)
    return result


def _table(area: np.ndarray, names: Sequence[str], blocks: Sequence[str]) -> list[dict[str, Any]]:
    """Shares of pixels and of frames by name, in the order of the names."""
    rows = []
    for name in sorted(set(names)):
        inside = [row for row, other in enumerate(names) if other == name]
        chosen, of_inside = area[inside], [blocks[row] for row in inside]
        alarms = _mean(chosen > 0, of_inside)
        rows.append({'name': name, 'frames': len(inside), 'pixels': _mean(chosen, of_inside), 'alarms': alarms})
    return rows


def missed(composites: CompositeCurves, threshold: float) -> list[int]:
    """Composites from the least found one on: by the share of the smoke's pixels that is marked."""
    place = place_of(threshold, THRESHOLDS)
    recall = composites.hits[:, place, -1] / np.maximum(composites.truth[:, -1], _TINY)
    order = np.argsort(recall, kind='stable').tolist()
    return [row for row in order if composites.truth[row, -1] > 0]
