"""Where in a picture each class is, from class maps and image labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

from mmwsss.apis.cam_evaluation import build_source
from mmwsss.cam.functional import scale_by_max
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.pseudo import FailedItem
from mmwsss.refine import build_fusion
from mmwsss.registry import DATASETS
from mmwsss.utils.progress import Progress
from mmwsss.utils.spread import spread


def position_prior(
    cfg: Config,
    model: BaseModel,
    dataset: ImageDataset | Mapping[str, Any],
    images: int = 100,
    size: int = 32,
) -> np.ndarray:
    """The mean map of each class over images that show it; what :class:`~mmwsss.refine.PositionPrior` multiplies by.

    Args:
        cfg: A pseudo config: its generator, pipeline and fusion are used.
        model: From :func:`~mmwsss.apis.inference.init_for_maps`.
        dataset: Images with labels, or its config; pictures that cannot be read are passed over.
        images: How many images with each class are looked at; evenly spaced ones.
        size: Rows and columns of the result.

    Returns:
        np.ndarray: float32 (K, size, size) in [0, 1], each class divided by its maximum; 1 everywhere for a class
        without images.
    """
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    dataset = DATASETS.build(dataset) if isinstance(dataset, Mapping) else dataset
    classes = dataset.metainfo['classes']
    labels = [dataset.get_data_info(index)['gt_label'].tolist() for index in range(len(dataset))]
    shown = [[index for index, of_image in enumerate(labels) if k in of_image] for k in range(len(classes))]
    order = sorted({index for of_class in shown for index in spread(of_class, images)})
    batch = cfg.pseudo.get('batch_size', 8)
    batches = [order[start : start + batch] for start in range(0, len(order), batch)]
    fusion = build_fusion(cfg.pseudo.to_dict().get('fusion'), classes)
    total = np.zeros((len(classes), size, size), np.float64)
    with Progress(len(order), 'position prior') as progress:
        for item in build_source(cfg, model, dataset, batches):
            progress.update()
            if isinstance(item, FailedItem):
                continue
            results = fusion(item.for_fusion())
            for cam, k in zip(results['cam'], results['classes']):
                total[k] += cv2.resize(cam, (size, size), interpolation=cv2.INTER_AREA)
    prior = scale_by_max(torch.from_numpy(total)).numpy().astype(np.float32)
    prior[~total.any((1, 2))] = 1
    return prior
