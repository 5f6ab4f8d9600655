"""A figure of quality with an interval, and pictures of what is missed, without a mask by anybody."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.model import BaseModel

from mmwsss.apis.evidence import EvidencePlan, collect_evidence, composite_sets
from mmwsss.apis.score_maps import scored_frames
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.evaluation.evidence import Evidence
from mmwsss.evaluation.measuring import measure, missed
from mmwsss.visualization.kept_maps import shrink
from mmwsss.visualization.overlay import mask_overlay
from mmwsss.visualization.page import data_address, write_page

_SIDE, _QUALITY = 224, 80


def measure_masks(
    cfg: Config, model: BaseModel, dataset: ImageDataset, threshold: float, plan: EvidencePlan, pictures: int = 8
) -> dict[str, Any]:
    """Measure a network and its refiners at a threshold.

    Args:
        cfg: A pseudo config; see :func:`~mmwsss.apis.score_maps.scored_frames`.
        model: From :func:`~mmwsss.apis.inference.init_for_maps`.
        dataset: Frames with image labels that trained nothing; masks are never read.
        threshold: Where scores are cut.
        plan: Which frames, and how.
        pictures: Number of plumes that were missed most to show.

    Returns:
        dict: of :func:`mmwsss.evaluation.measuring.measure`, and ``missed``: dicts of ``name``, ``recall`` and
        ``picture`` and ``marked``, ``data:`` addresses of the composite and of it with smoke and mask outlined.

    Raises:
        ValueError: If no frame shows a class, or composites are wanted and every frame does.
    """
    evidence = collect_evidence(cfg, model, dataset, plan)
    groups = plan.grouping.all(evidence.frames.names)
    figures = measure(evidence, threshold, groups)
    figures['missed'] = _pictures(cfg, model, dataset, evidence, figures['threshold'], plan, pictures)
    return figures


def _pictures(
    cfg: Config,
    model: BaseModel,
    dataset: ImageDataset,
    evidence: Evidence,
    threshold: float,
    plan: EvidencePlan,
    number: int,
) -> list[dict[str, Any]]:
    if evidence.composites is None or not number:
        return []
    chosen = missed(evidence.composites, threshold)[:number]
    rows = []
    for frame in scored_frames(cfg, model, composite_sets(dataset, plan)[0], chosen, label='missed'):
        truth = frame.info['plume_matte'] > 0.2
        mask = frame.scores[plan.class_index] > threshold
        picture = np.ascontiguousarray(frame.img[..., ::-1])
        # value 1 what is marked, 2 smoke that is not
        marked = mask_overlay(picture, np.where(mask, 1, np.where(truth, 2, 0)).astype(np.uint8), 0.45)
        rows.append(
            {
                'name': str(frame.info['img_path']).replace('\\', '/').rsplit('/', 1)[-1],
                'recall': float((mask & truth).sum() / max(truth.sum(), 1)),
                'picture': data_address(shrink(picture, _SIDE), _QUALITY),
                'marked': data_address(shrink(marked, _SIDE), _QUALITY),
            }
        )
    return rows


def without_pictures(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures without the pictures, as JSON and tables keep them."""
    return {**figures, 'missed': [{key: row[key] for key in ('name', 'recall')} for row in figures.get('missed', [])]}


def write_measure_page(path: str, figures: dict[str, Any], title: str) -> None:
    """One HTML file of figures and pictures.

    Args:
        path: The file.
        figures: Of :func:`measure_masks`.
        title: Of the page.
    """
    write_page(path, 'measure.html', {}, ('page.css', 'report.css'), (), title=title, measured=figures)
