"""Pictures for the report: what every stage makes of the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.registry import init_default_scope
from mmseg.apis import inference_model

from mmwsss.apis.cam_evaluation import build_source
from mmwsss.apis.inference import init_for_maps, init_segmentor
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.datasets.masks import read_mask, truth_of
from mmwsss.evaluation import PixelCounts, count_pixels, segmentation_figures
from mmwsss.pseudo import FailedItem
from mmwsss.refine import build_fusion, build_step
from mmwsss.registry import DATASETS
from mmwsss.structures import Manifest
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import read_json
from mmwsss.visualization import GalleryRow


def _image_iou(counts: PixelCounts, classes: tuple[str, ...]) -> float | None:
    return segmentation_figures([counts], classes)['iou_image']


def image_figures(path: str | Path, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Figures of every tested image, from a segmentor's ``test_images.json``.

    Returns:
        list: of dicts with ``img_path``; ``score``, the IoU of an image that shows a class; ``false_alarm`` and
        ``coverage``, shares of its known pixels that are wrongly, and that are at all, given a class; ``shows``,
        whether its true mask has a class.
    """
    found = []
    for row in read_json(path):
        counts = PixelCounts.from_list(row['counts'])
        hit, predicted, true = (counts.table[0][:, counts.values > 0].sum(1)).tolist()
        total = max(int(counts.table[0, 2].sum()), 1)
        found.append(
            {
                'img_path': row['img_path'],
                'score': _image_iou(counts, classes),
                'false_alarm': (predicted - hit) / total,
                'coverage': predicted / total,
                'shows': true > 0,
            }
        )
    return found


def _scores(
    parts: Mapping[str, Any], tested: Sequence[Mapping[str, Any]], classes: tuple[str, ...]
) -> dict[str, float]:
    """IoU by image path: the segmentor's where it was tested, else the pseudo mask's."""
    if tested:
        scores = {row['img_path']: row['score'] for row in tested}
    else:
        records = Manifest(Path(parts['pseudo_root']) / 'manifest.jsonl').read().values()
        scores = {r.img_path: _image_iou(PixelCounts.from_list(r.counts['mask']), classes) for r in records if r.counts}
    return {path: score for path, score in scores.items() if score is not None}


def _choose(
    dataset: ImageDataset, scores: Mapping[str, float], count: int, finished: Mapping[str, Any]
) -> list[tuple[int, str]]:
    """Indices and groups: the worst and the best images with a class; evenly spread ones where nothing ranks them."""
    positives = [
        (index, info['img_path'])
        for index in range(len(dataset))
        if (info := dataset.get_data_info(index))['img_path'] in finished and finished[info['img_path']].labels
    ]
    ranked = sorted((scores[path], index) for index, path in positives if path in scores)
    if ranked:
        half = min(count // 2, len(ranked) // 2) or 1
        worst, best = ranked[:half], ranked[-half:][::-1]
        return [(index, 'worst') for _, index in worst] + [(index, 'best') for _, index in best if ranked]
    step = max(len(positives) // max(count, 1), 1)
    return [(index, 'sample') for index, _ in positives[::step][:count]]


def _false_alarms(
    dataset: ImageDataset, tested: Sequence[Mapping[str, Any]], count: int, finished: Mapping[str, Any]
) -> list[tuple[int, str]]:
    """Indices of the images without any class of which the segmentor marks most, half as many as of the worst."""
    alarms = {row['img_path']: row['coverage'] for row in tested if not row['shows']}
    paths = [dataset.get_data_info(index)['img_path'] for index in range(len(dataset))]
    marked = [(alarms[path], -index) for index, path in enumerate(paths) if alarms.get(path) and path in finished]
    return [(-index, 'false alarm') for _, index in sorted(marked, reverse=True)[: max(count // 4, 1)]]


def _least_certain(
    dataset: ImageDataset, chosen: Sequence[tuple[int, str]], count: int, finished: Mapping[str, Any]
) -> list[tuple[int, str]]:
    """Indices of the images with a class whose surest pixel is least sure, half as many as of the worst; none twice."""
    shown = {index for index, _ in chosen}
    sure = []
    for index in range(len(dataset)):
        record = finished.get(dataset.get_data_info(index)['img_path'])
        if record is not None and record.raw_max and index not in shown:
            sure.append((max(record.raw_max.values()), index))
    return [(index, 'least certain') for _, index in sorted(sure)[: max(count // 4, 1)]]


def make_gallery(parts: Mapping[str, Any], tested: Sequence[Mapping[str, Any]] = ()) -> list[GalleryRow]:
    """Rows of the report's gallery: the worst, the best, the largest false alarms, the least certain.

    Args:
        tested: Figures of the images that the segmentor was tested on; see :func:`image_figures`.
        parts: What :func:`~mmwsss.runs.report.gallery_parts` gives: configs, checkpoints and folders.
    """
    cfg = parts['pseudo_config']
    init_default_scope('mmpretrain')
    dataset = DATASETS.build(parts['dataset'])
    classes = tuple(dataset.metainfo['classes'])
    records = Manifest(Path(parts['pseudo_root']) / 'manifest.jsonl').read()
    finished = {path: record for path, record in records.items() if record.status == 'ok'}
    scores = _scores(parts, tested, classes)
    chosen = _choose(dataset, scores, parts['count'], finished)
    chosen += _false_alarms(dataset, tested, parts['count'], finished)
    chosen += _least_certain(dataset, chosen, parts['count'], finished)
    settings = cfg.pseudo.to_dict()
    unrefined = build_step(settings['unrefined'], classes)
    fusion = build_fusion(settings.get('fusion'), classes)
    rows = []
    batches = [[index] for index, _ in chosen]  # a picture at a time: in its own order
    source = build_source(cfg, init_for_maps(cfg, parts['student'], classes=classes), dataset, batches)
    for (_, group), item in zip(chosen, source):
        path = item.info['img_path']
        if isinstance(item, FailedItem):
            raise InputError(f'Expected maps of {path}, but there are none: {item.reason}')
        results = fusion(item.for_fusion())
        rows.append(
            GalleryRow(
                name=Path(path).name,
                group=group,
                img=results['img'][..., ::-1],
                cam=results['cam'].max(0, initial=0),  # an image without a class has no map
                unrefined=unrefined(dict(results))['pred_seg_map'],
                refined=read_mask(Path(parts['pseudo_root'], finished[path].mask_path or '')),
                prediction=None,
                truth=truth_of(item.info, results['img'].shape[:2]),
                score=scores.get(path),
                img_path=path,
                maps=[(int(value) + 1, cam) for value, cam in zip(results['classes'], results['cam'])],
                labels=[classes[value] for value in results['classes']],
            )
        )
    if parts['segmentor']:
        init_default_scope('mmseg')
        model = init_segmentor(parts['segmentor_config'], parts['segmentor'], classes)
        for row in rows:
            result = inference_model(model, row.img_path)
            row.prediction = result.pred_sem_seg.data.squeeze(0).cpu().numpy().astype(np.uint8)
            if row.truth is not None:
                row.score = _image_iou(count_pixels(row.prediction, row.truth, len(classes)), classes)
    return rows
