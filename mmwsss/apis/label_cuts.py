"""Cuts of pseudo masks that image labels choose."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

from mmwsss.apis.cam_evaluation import build_source
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.evaluation import LabelPosterior
from mmwsss.pseudo import FailedItem, batches_of
from mmwsss.registry import DATASETS
from mmwsss.utils.errors import InputError
from mmwsss.utils.progress import Progress

_NARROWEST = 0.01  # a band


def label_cuts(
    cfg: Config,
    model: BaseModel,
    dataset: ImageDataset | Mapping[str, Any],
    posteriors: tuple[float, float] = (0.5, 0.8),
    images: int = 400,
) -> dict[str, Any]:
    """Choose the ignore band of pseudo masks without a mask; see :class:`~mmwsss.evaluation.LabelPosterior`.

    Args:
        cfg: A pseudo config: its generator, whose maps are probabilities, and pipeline are used.
        model: From :func:`~mmwsss.apis.inference.init_for_maps`.
        dataset: Images with labels, or its config.
        posteriors: (low, high): below the score of the first a pixel is background, above that of the second it shows
            the class.
        images: How many images with each class, and how many without it, are looked at; evenly spaced ones.

    Returns:
        dict: ``ignore_band`` (low, high), the mean over classes; ``by_class`` by name the ``share`` of the pixels, the
        ``band`` and the numbers of ``images`` without the class and with it.

    Raises:
        InputError: If no class is shown by some images and not by others.
    """
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    dataset = DATASETS.build(dataset) if isinstance(dataset, Mapping) else dataset
    names = dataset.metainfo['classes']
    labels = np.stack([np.asarray(dataset.get_data_info(index)['gt_score']) > 0 for index in range(len(dataset))])
    found = {name: LabelPosterior() for name, shown in zip(names, labels.T) if 0 < shown.sum() < len(labels)}
    if not found:
        raise InputError(
            f'Expected a class that some images show and others do not, to choose the ignore band from labels, but of '
            f'{len(labels)} images {labels.sum(0).tolist()} show {list(names)}. Set label_cuts=None and ignore_band.'
        )
    columns = [labels[:, names.index(name)] for name in found]
    groups = [np.flatnonzero(shown == wanted) for shown in columns for wanted in (True, False)]
    chosen = sorted({int(index) for group in groups for index in _spaced(group, images)})
    cfg = copy.deepcopy(cfg)  # Config.copy is shallow
    cfg.pseudo.generator.classes = 'all'
    batches = [[chosen[place] for place in batch] for batch in batches_of(len(chosen), cfg.pseudo.get('batch_size', 8))]
    with Progress(len(chosen), 'label cuts') as progress:
        for item in build_source(cfg, model, dataset, batches):
            progress.update()
            if isinstance(item, FailedItem):
                continue  # the pass that makes the masks says which and why
            for k, scores in zip(item.classes, item.maps[-1]):
                if names[k] in found:
                    found[names[k]].update(scores, bool(labels[item.index, k]))
    by_class = {
        name: {'share': each.share, 'band': [each.cut(level) for level in posteriors], 'images': each.images}
        for name, each in found.items()
    }
    low, high = np.mean([[each.cut(level) for level in posteriors] for each in found.values()], axis=0)
    low = min(low, 1.0 - _NARROWEST)  # 1, where the network's scores say nothing
    return {'ignore_band': [float(low), float(max(high, low + _NARROWEST))], 'by_class': by_class}


def _spaced(group: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` members, evenly spaced."""
    return group[np.linspace(0, len(group) - 1, min(count, len(group))).round().astype(int)]
