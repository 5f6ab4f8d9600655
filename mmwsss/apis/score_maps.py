"""Scores of every pixel as a pseudo config makes them, for rules that choose, measure and promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

from mmwsss.apis.cam_evaluation import build_source
from mmwsss.cam.segmentor_maps import is_sigmoid
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.pseudo import FailedItem
from mmwsss.refine import ThresholdMask, build_fusion, build_refiners
from mmwsss.registry import DATASETS, TRANSFORMS
from mmwsss.utils.errors import InputError
from mmwsss.utils.progress import Progress


@dataclass
class ScoredFrame:
    """One frame and its scores.

    Attributes:
        index: Position in the data set.
        info: The data set's own item.
        img: uint8 BGR (H, W, 3).
        scores: float32 (K, H, W) in [0, 1] of all classes, at the frame's size, after the refiners.
    """

    index: int
    info: dict[str, Any]
    img: np.ndarray
    scores: np.ndarray


def scored_frames(
    cfg: Config,
    model: BaseModel,
    dataset: ImageDataset,
    indices: Sequence[int] | None = None,
    refine: bool = True,
    label: str = 'scores',
    skip_broken: bool = False,
    own: bool = False,
) -> Iterator[ScoredFrame]:
    """Scores of the frames of a data set for **all** classes, whatever their labels say.

    Where the maps are a classifier's, which are normalised by their own maximum, they are multiplied by the
    probability that the image shows the class: else every frame without it would reach 1. Those of a segmentor of
    several classes are :func:`against_background`, so that a mask above 0.5 is its plain mask.

    Args:
        cfg: A pseudo config: its generator, pipeline, fusion and refiners are used; its cuts are not.
        model: From :func:`~mmwsss.apis.inference.init_for_maps`.
        dataset: The frames; masks are never read.
        indices: Which of them, in order; by default all.
        refine: Whether the refiners before the cut are used.
        label: What progress lines say.
        skip_broken: Pass over what cannot be read or has no finite maps, for callers whose next pass says what and why.
        own: Give a segmentor's own probabilities, also of several classes: what make_pseudo cuts.

    Raises:
        ValueError: If the network has other classes than the data, a picture cannot be read, or maps are not finite.
    """
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    classes = tuple(dataset.metainfo['classes'])
    names = getattr(model, 'class_names', None)
    if names is not None and tuple(names) != classes:
        raise InputError(f'Expected a network of {list(classes)}, as the data have, but got one of {list(names)}.')
    settings: dict[str, Any] = cfg.pseudo.to_dict()
    settings['generator']['classes'] = 'all'
    every = Config({'pseudo': settings, 'default_scope': cfg.get('default_scope', 'mmpretrain')})
    fusion = build_fusion(settings.get('fusion'), classes)
    steps = build_refiners([step for step in settings['refine'] if refine and not _is_cut(step)], classes)
    order = list(range(len(dataset)) if indices is None else indices)
    size = settings.get('batch_size', 8)
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    with Progress(len(order), label) as progress:
        source = build_source(every, model, dataset, batches)
        segmentor = source.generator.network == 'segmentor'
        exclusive = segmentor and not own and len(classes) > 1 and not is_sigmoid(model)
        for item in source:
            if isinstance(item, FailedItem):
                if not skip_broken:
                    raise InputError(item.reason)
                progress.update()
                continue
            results = fusion(item.for_fusion())
            if source.generator.network == 'classifier':
                results['cam'] = results['cam'] * item.scores[:, None, None]
            for step in steps:
                results = step(results)
            if exclusive:
                results['cam'] = against_background(results['cam'])
            progress.update()
            yield ScoredFrame(item.index, item.info, item.img, np.clip(results['cam'], 0, 1))


def against_background(probabilities: np.ndarray) -> np.ndarray:
    r"""Of each pixel's most probable class :math:`p_k / (p_k + p_0)`, p_0 that of the background; 0 of the others.

    A mask above t is then where a class is the most probable one and its odds against the background are above
    ``t / (1 - t)``: what :func:`~mmwsss.weights.threshold_shift.shift_threshold` makes the plain mask, and that itself
    for t = 0.5.

    Args:
        probabilities: float (K, H, W), of the classes without the background; their sum is at most 1.

    Returns:
        np.ndarray: float32 (K, H, W) in [0, 1].

    >>> against_background(np.array([0.25, 0.0, 0.0]).reshape(3, 1, 1)).ravel().tolist()  # background: 0.75
    [0.25, 0.0, 0.0]
    >>> against_background(np.array([0.25, 0.2, 0.05]).reshape(3, 1, 1)).ravel().tolist()  # background: 0.5
    [0.3333333432674408, 0.0, 0.0]
    """
    best = probabilities.argmax(0)[None]
    own = np.take_along_axis(probabilities, best, 0)
    background = np.clip(1 - probabilities.sum(0, keepdims=True), 0, 1)
    scores = np.zeros(probabilities.shape, np.float32)
    np.put_along_axis(scores, best, own / np.maximum(own + background, 1e-12), 0)
    return scores


def _is_cut(config: Mapping[str, Any]) -> bool:
    """Whether a step cuts scores: its thresholds may not be known yet."""
    kind = TRANSFORMS.get(config['type'])
    return isinstance(kind, type) and issubclass(kind, ThresholdMask)


def split_indices(dataset: ImageDataset) -> tuple[list[int], list[int]]:
    """Indices of the images that show a class, and of those that show none; no picture is read."""
    positive: list[int] = []
    negative: list[int] = []
    for index in range(len(dataset)):
        (positive if dataset.get_data_info(index)['gt_label'].size else negative).append(index)
    return positive, negative


def data_split(cfg: Config, split: str | None = None) -> ImageDataset:
    """A split of a config's data, with labels and without masks.

    Args:
        cfg: Any config with data sets.
        split: ``'aside'`` (frames kept out of the training set), ``'val'``, ``'test'`` or ``'train'``; None: the first
            of aside, val and train that there is.

    Raises:
        ValueError: If the data have no such split.
    """
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    return DATASETS.build(split_config(cfg, split))


_SETS = {'aside': 'aside_set', 'val': 'val_set', 'test': 'test_set', 'train': 'pseudo_set'}


def split_name(cfg: Config, split: str | None = None) -> str:
    """The split that :func:`data_split` takes."""
    if split is not None:
        return split
    return next(name for name in ('aside', 'val', 'train') if cfg.get(_SETS[name]) or name == 'train')


def split_config(cfg: Config, split: str | None = None) -> dict[str, Any]:
    """The config of :func:`data_split`'s data set."""
    split = split_name(cfg, split)
    if split not in _SETS or not cfg.get(_SETS[split]):
        raise InputError(f'Expected data with a split {split!r} in {cfg.filename}, but they have none.')
    settings: dict[str, Any] = cfg[_SETS[split]].to_dict()
    settings['data_prefix'] = {'img_path': settings['data_prefix']['img_path']}
    settings.pop('mask_values', None)
    return settings
