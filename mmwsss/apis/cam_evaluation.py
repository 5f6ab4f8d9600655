"""How good are a classifier's maps?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch.nn as nn
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmwsss.datasets.pictures import read_mask
from mmwsss.evaluation import CamFigures
from mmwsss.pseudo import CamSource
from mmwsss.refine import fusion_of
from mmwsss.registry import DATASETS, TASK_UTILS, TRANSFORMS
from mmwsss.utils.progress import Progress


def build_source(cfg: Config, model: nn.Module, dataset: Any, indices: Any = None) -> CamSource:
    """The iterator over images and maps that a pseudo config describes."""
    settings = cfg.pseudo
    return CamSource(
        model,
        dataset,
        TASK_UTILS.build(settings.generator),
        settings.pipeline,
        indices,
        settings.get('batch_size', 8),
        settings.get('num_workers', 0),
    )


def evaluate_cams(cfg: Config, model: nn.Module, dataset: Any) -> CamFigures:
    """Collect the figures of the unrefined, fused maps of a data set with masks.

    Args:
        cfg: A pseudo config: its generator and pipeline are used.
        model: From :func:`~mmwsss.apis.inference.init_classifier`.
        dataset: Data set in test mode, or its config.

    Raises:
        ValueError: If the data set has no masks, or a mask or image is bad.
    """
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
    figures = CamFigures(dataset.metainfo['classes'], bool(dataset.metainfo.get('context_by_class', False)))
    fusion = fusion_of(TRANSFORMS.build(step) for step in cfg.pseudo.to_dict()['refine'])
    with Progress(len(dataset), 'maps') as progress:
        for item in build_source(cfg, model, dataset):
            if item.reason is not None:
                raise ValueError(item.reason)
            truth = _mask(item.info, 'gt_seg_map', 'seg_map_path')
            if truth is None:
                raise ValueError(f'Expected masks to evaluate on, but {item.info["img_path"]} has none.')
            context = _mask(item.info, 'context_map', 'context_path')
            figures.update(fusion({'layer_cams': item.layer_cams})['cam'], truth, context, item.img)
            progress.update()
    return figures


def _mask(info: dict, array: str, path: str) -> Any:
    if array in info:
        return info[array]
    return read_mask(Path(info[path])) if path in info else None
