"""Evaluation of a classifier's maps against masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.datasets.masks import read_mask, truth_of
from mmwsss.evaluation import CamFigures, PixelCounts
from mmwsss.evaluation.protocols import find_protocol
from mmwsss.pseudo import CamSource, FailedItem, batches_of
from mmwsss.pseudo.work_group import cores_that_read
from mmwsss.refine import build_fusion, build_refiners
from mmwsss.registry import DATASETS, TASK_UTILS
from mmwsss.utils.errors import InputError
from mmwsss.utils.progress import Progress

LABEL_SOURCES = {'label': 'image labels', 'predicted': 'predicted labels', 'all': 'all classes'}


def label_source(cfg: Config) -> str:
    """What chooses the classes that get maps, in words for figures and reports."""
    return LABEL_SOURCES[cfg.pseudo.generator.get('classes', 'label')]


def build_source(
    cfg: Config, model: BaseModel, dataset: ImageDataset, batches: Iterable[Sequence[int]] | None = None
) -> CamSource:
    """The iterator over images and maps that a pseudo config describes.

    Args:
        cfg: The config.
        model: The network that the generator reads, from :func:`~mmwsss.apis.inference.init_for_maps`.
        dataset: The images.
        batches: Indices of each batch; by default all images, in order.
    """
    settings = cfg.pseudo
    num_workers = settings.get('num_workers')
    return CamSource(
        model,
        dataset,
        TASK_UTILS.build(settings.generator),
        settings.pipeline,
        batches_of(len(dataset), settings.get('batch_size', 8)) if batches is None else batches,
        cores_that_read() if num_workers is None else num_workers,
        settings.get('precision', 'float32'),
        settings.get('channels_last', False),
        settings.get('compile', False),
    )


def build_images(cfg: Config, split: str = 'test', protocol: str | None = None) -> ImageDataset:
    """The images of a split, or of a protocol of PASCAL VOC 2012 (then of the test set's folder).

    Args:
        cfg: A pseudo config.
        split: ``'val'``, ``'test'`` or ``'pseudo'``, the training images.
        protocol: See :data:`~mmwsss.evaluation.protocols.PROTOCOLS`.

    Raises:
        ValueError: If the config has no such split, or the protocol is unknown or has another number of images.
    """
    found = None if protocol is None else find_protocol(protocol)
    name = f'{split}_set' if found is None else 'test_set'
    if not cfg.get(name):
        raise InputError(f'Expected a config with {name}, but the data of {cfg.filename} have none.')
    settings = cfg[name].to_dict()
    if found is not None:
        settings['ann_file'] = found.ann
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    dataset = DATASETS.build(settings)
    if found is not None and len(dataset) != found.images:
        raise InputError(f'Expected {found.images} images for the protocol {protocol}, but got {len(dataset)}.')
    return dataset


def evaluate_cams(
    cfg: Config,
    model: BaseModel,
    dataset: ImageDataset | Mapping[str, Any],
    refiners: Sequence[Mapping[str, Any]] = (),
    on_counts: Callable[[str, PixelCounts], None] | None = None,
) -> CamFigures:
    """Collect the figures of the fused maps of a data set with masks.

    Args:
        cfg: A pseudo config: its generator and pipeline are used.
        model: From :func:`~mmwsss.apis.inference.init_classifier`.
        dataset: Data set in test mode, or its config.
        refiners: Configs of refiners that the fused maps go through before they are counted, for example a CRF.
        on_counts: Gets each image's path and its counts at all thresholds.

    Raises:
        ValueError: If the data set has no masks, a mask or image is bad, or maps are not finite.
    """
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    dataset = DATASETS.build(dataset) if isinstance(dataset, Mapping) else dataset
    names, classes = getattr(model, 'class_names', None), tuple(dataset.metainfo['classes'])
    if names is not None and names != classes:
        raise InputError(f'Expected a network of {list(classes)}, as the data have, but got one of {list(names)}.')
    figures = CamFigures(classes, bool(dataset.metainfo.get('context_by_class', False)))
    fusion = build_fusion(cfg.pseudo.to_dict().get('fusion'), classes)
    steps = build_refiners(refiners, classes)
    with Progress(len(dataset), 'maps') as progress:
        for item in build_source(cfg, model, dataset):
            if isinstance(item, FailedItem):
                raise InputError(item.reason)
            truth = truth_of(item.info, item.img.shape[:2])
            if truth is None:
                raise InputError(f'Expected masks to evaluate on, but {item.info["img_path"]} has none.')
            context = _mask(item.info, 'context_map', 'context_path')
            results = fusion(item.for_fusion())
            for step in steps:
                results = step(results)
            counts = figures.update(results['cam'], results['classes'], truth, context, item.img)
            if on_counts is not None:
                on_counts(item.info['img_path'], counts)
            progress.update()
    return figures


def _mask(info: Mapping[str, Any], array: str, path: str) -> np.ndarray | None:
    if array in info:
        return info[array]
    return read_mask(Path(info[path])) if path in info else None


def evaluate_protocol(
    cfg: Config,
    model: BaseModel,
    name: str,
    threshold: float,
    crf: bool = False,
    dataset: ImageDataset | None = None,
) -> dict[str, Any]:
    """Figures of maps under a named protocol of PASCAL VOC 2012.

    Args:
        cfg: A pseudo config on VOC's data (``configs/data/voc12.py``).
        model: From :func:`~mmwsss.apis.inference.init_classifier`.
        name: See :data:`~mmwsss.evaluation.protocols.PROTOCOLS`.
        threshold: Background's score; not used where the protocol takes the oracle's.
        crf: Whether the maps go through a dense CRF (preset ``'voc'``) first.
        dataset: The protocol's images; by default from :func:`build_images`.

    Returns:
        dict: figures, with ``protocol``, ``crf``, ``label_source`` and ``is_oracle``.

    Raises:
        ValueError: If the protocol is unknown or the data set has another number of images than it.
    """
    protocol = find_protocol(name)
    dataset = build_images(cfg, protocol=name) if dataset is None else dataset
    collected = evaluate_cams(cfg, model, dataset, [{'type': 'mmwsss.CRFRefine', 'preset': 'voc'}] if crf else [])
    chosen = collected.best_threshold('miou') if protocol.oracle else threshold
    return {
        'protocol': name,
        'crf': crf,
        'is_oracle': protocol.oracle,
        'label_source': label_source(cfg),
        **collected.compute(chosen),
    }
