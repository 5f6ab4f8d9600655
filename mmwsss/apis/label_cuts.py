"""Cuts of pseudo masks that image labels choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

from mmwsss.apis.score_maps import scored_frames
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.evaluation import LabelPosterior
from mmwsss.registry import DATASETS
from mmwsss.utils.errors import InputError
from mmwsss.utils.spread import spread

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
        cfg: A pseudo config; the scores are those that its last refiner cuts
            (:func:`~mmwsss.apis.score_maps.scored_frames`).
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
    found = {k: LabelPosterior() for k, shown in enumerate(labels.T) if 0 < shown.sum() < len(labels)}
    if not found:
        raise InputError(
            f'Expected a class that some images show and others do not, to choose the ignore band from labels, but '
            f'of {len(labels)} images {labels.sum(0).tolist()} show {list(names)}. Set cut_posteriors=None.'
        )
    groups = [np.flatnonzero(labels[:, k] == shown).tolist() for k in found for shown in (True, False)]
    chosen = sorted({index for group in groups for index in spread(group, images)})
    for frame in scored_frames(cfg, model, dataset, chosen, label='label cuts', skip_broken=True, own=True):
        for k, posterior in found.items():
            posterior.update(frame.scores[k], bool(labels[frame.index, k]))
    bands = {k: [posterior.cut(level) for level in posteriors] for k, posterior in found.items()}
    low, high = np.mean(list(bands.values()), axis=0)
    low = min(low, 1.0 - _NARROWEST)  # 1, where the network's scores say nothing
    return {
        'ignore_band': [float(low), float(max(high, low + _NARROWEST))],
        'by_class': {
            names[k]: {'share': posterior.share, 'band': bands[k], 'images': posterior.images}
            for k, posterior in found.items()
        },
    }
