"""Masks of pictures by a classifier, its maps and refiners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmwsss.prediction.network import Prediction, failed
from mmwsss.pseudo.cam_source import CamItem, CamSource, batches_of
from mmwsss.refine import build_fusion, build_refiners
from mmwsss.registry import TASK_UTILS
from mmwsss.utils.errors import InputError


class _Pictures:
    """Pictures in memory as a data set without labels."""

    def __init__(self, imgs: Sequence[np.ndarray], classes: Sequence[str]) -> None:
        self.imgs = imgs
        self.metainfo = {'classes': tuple(classes)}

    def __len__(self) -> int:
        return len(self.imgs)

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """See :class:`~mmwsss.datasets.image_dataset.ImageDataset`."""
        empty = {'gt_label': np.zeros(0, np.int64), 'gt_score': np.zeros(len(self.metainfo['classes']), np.float32)}
        return {'img_path': f'picture {idx}', 'img': self.imgs[idx], **empty}


class MapNetwork:
    """A classifier whose maps go through the fusion and the refiners of a pseudo config.

    Pictures carry no labels: where the config asks for maps of the label's classes, the classes that the classifier
    sees take their place.

    Args:
        cfg: A pseudo config.
        model: From :func:`~mmwsss.apis.inference.init_for_maps`.
        classes: Names of the K classes.

    Raises:
        ValueError: If no refiner makes a mask, or a step does not fit the classes.
    """

    keeps_scores = False

    def __init__(self, cfg: Config, model: BaseModel, classes: Sequence[str]) -> None:
        self.model, self.classes = model, tuple(classes)
        settings = cfg.pseudo.to_dict()
        self.settings, self.scope = settings, cfg.get('default_scope', 'mmpretrain')
        if settings['generator'].get('classes', 'label') == 'label':
            settings['generator']['classes'] = 'predicted'
        with DefaultScope.overwrite_default_scope(self.scope):
            self.generator = TASK_UTILS.build(settings['generator'])
            self.fusion = build_fusion(settings.get('fusion'), self.classes)
            self.refine = build_refiners(settings['refine'], self.classes)

    def _items(self, imgs: Sequence[np.ndarray]) -> list[dict[str, Any] | str]:
        """What the last refiner gave of each picture, or why there is nothing."""
        settings, made = self.settings, []
        with DefaultScope.overwrite_default_scope(self.scope):
            source = CamSource(
                self.model,
                _Pictures(imgs, self.classes),
                self.generator,
                settings['pipeline'],
                batches_of(len(imgs), max(len(imgs), 1)),
                precision=settings.get('precision', 'float32'),
            )
        with torch.no_grad(), DefaultScope.overwrite_default_scope(self.scope):
            for item in source:
                made.append(self._refined(item) if isinstance(item, CamItem) else item.reason)
        return made

    def _refined(self, item: CamItem) -> dict[str, Any] | str:
        try:
            results = self.fusion(item.for_fusion())
            for step in self.refine:
                results = step(results)
        except (ValueError, MemoryError, cv2.error) as error:
            return str(error) or type(error).__name__
        if 'pred_seg_map' not in results:
            raise InputError('Expected a step among the refiners that makes a mask (ThresholdMask), but none did.')
        return results

    def _scores(self, results: Mapping[str, Any]) -> np.ndarray:
        """Values of the maps, float32 (K + 1, H, W); of the background 1 - the highest."""
        cam = results['cam']
        scores = np.zeros((len(self.classes) + 1, *cam.shape[1:]), np.float32)
        scores[results['classes'] + 1] = cam
        scores[0] = 1 - np.clip(cam.max(0, initial=0), 0, 1)
        return scores

    def predict(self, imgs: Sequence[np.ndarray]) -> list[Prediction]:
        """See :class:`Network`."""
        made = []
        for results in self._items(imgs):
            if isinstance(results, str):
                made.append(failed(results))
                continue
            label, scores = results['pred_seg_map'], self._scores(results)
            known = np.where(label <= len(self.classes), label, 0).astype(np.int64)
            score = np.take_along_axis(scores, known[None], 0)[0]
            made.append(Prediction(label, score, scores=scores.astype(np.float16) if self.keeps_scores else None))
        return made

    def samples(self, imgs: Sequence[np.ndarray]) -> list[SegDataSample]:
        """See :class:`Network`; ``seg_logits`` are values of the maps, in [0, 1].

        Raises:
            ValueError: If a picture has no mask; says why.
        """
        made = []
        for results in self._items(imgs):
            if isinstance(results, str):
                raise InputError(results)
            label = torch.from_numpy(results['pred_seg_map'].astype(np.int64))
            logits = torch.from_numpy(self._scores(results))
            made.append(SegDataSample(pred_sem_seg=PixelData(data=label[None]), seg_logits=PixelData(data=logits)))
        return made
