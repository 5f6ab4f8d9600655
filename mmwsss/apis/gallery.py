"""Pictures for the report: what every stage makes of the same images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmseg.apis import inference_model, init_model

from mmwsss.apis.cam_evaluation import build_source
from mmwsss.apis.inference import init_classifier
from mmwsss.datasets.pictures import read_mask
from mmwsss.evaluation import count_pixels, segmentation_figures
from mmwsss.refine import fusion_of
from mmwsss.registry import DATASETS, TRANSFORMS
from mmwsss.structures import Manifest
from mmwsss.utils.files import read_json
from mmwsss.visualization import GalleryRow


def _image_iou(counts: list, classes: tuple[str, ...]) -> float | None:
    return segmentation_figures([np.asarray(counts)], classes)['iou_image']


def _scores(parts: Mapping[str, Any], classes: tuple[str, ...]) -> dict[str, float]:
    """IoU by image path: the segmentor's where it was tested, else the pseudo mask's."""
    if Path(parts['ranking']).exists():
        rows = read_json(parts['ranking'])
        scores = {row['img_path']: _image_iou(row['counts'], classes) for row in rows}
    else:
        records = Manifest(Path(parts['pseudo_root']) / 'manifest.jsonl').read().values()
        scores = {r.img_path: _image_iou(r.counts['mask'], classes) for r in records if r.counts}
    return {path: score for path, score in scores.items() if score is not None}


def _choose(
    dataset: Any, scores: Mapping[str, float], count: int, finished: Mapping[str, Any]
) -> list[tuple[int, str]]:
    """Indices and groups: the worst and the best images with a class; evenly spread ones where nothing ranks them."""
    positives = [
        (index, info['img_path'])
        for index in range(len(dataset))
        if (info := dataset.get_data_info(index))['gt_label'].size and info['img_path'] in finished
    ]
    ranked = sorted((scores[path], index) for index, path in positives if path in scores)
    if ranked:
        half = min(count // 2, len(ranked) // 2) or 1
        worst, best = ranked[:half], ranked[-half:][::-1]
        return [(index, 'worst') for _, index in worst] + [(index, 'best') for _, index in best if ranked]
    step = max(len(positives) // max(count, 1), 1)
    return [(index, 'sample') for index, _ in positives[::step][:count]]


def make_gallery(parts: Mapping[str, Any]) -> list[GalleryRow]:
    """Rows of the report's gallery, worst first, then best.

    Args:
        parts: What :class:`~mmwsss.apis.pipeline.Pipeline` knows: configs, checkpoints and folders.
    """
    cfg = parts['pseudo_config']
    init_default_scope('mmpretrain')
    dataset = DATASETS.build(parts['dataset'])
    classes = tuple(dataset.metainfo['classes'])
    records = Manifest(Path(parts['pseudo_root']) / 'manifest.jsonl').read()
    finished = {path: record for path, record in records.items() if record.status == 'ok'}
    scores = _scores(parts, classes)
    chosen = _choose(dataset, scores, parts['count'], finished)
    settings = cfg.pseudo.to_dict()
    seed = TRANSFORMS.build(settings['seed'])
    fusion = fusion_of(TRANSFORMS.build(step) for step in settings['refine'])
    rows = []
    batches = [[index] for index, _ in chosen]  # a picture at a time: in its own order
    source = build_source(cfg, init_classifier(parts['student']), dataset, batches)
    for (_, group), item in zip(chosen, source):
        path = item.info['img_path']
        cam = fusion({'layer_cams': item.layer_cams})['cam']
        truth = item.info.get('seg_map_path')
        rows.append(
            GalleryRow(
                name=Path(path).name,
                group=group,
                img=item.img[..., ::-1],
                cam=cam.max(0),
                unrefined=seed({'cam': cam})['pred_seg_map'],
                refined=read_mask(Path(parts['pseudo_root']) / finished[path].mask_path),
                prediction=None,
                truth=read_mask(truth) if truth else None,
                score=scores.get(path),
                img_path=path,
            )
        )
    if parts['segmentor']:
        init_default_scope('mmseg')
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
        model = init_model(parts['segmentor_config'], parts['segmentor'], device=device)
        for row in rows:
            result = inference_model(model, row.img_path)
            row.prediction = result.pred_sem_seg.data.squeeze(0).cpu().numpy().astype(np.uint8)
            if row.truth is not None:
                row.score = _image_iou(count_pixels(row.prediction, row.truth, len(classes)).tolist(), classes)
    return rows
