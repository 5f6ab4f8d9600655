"""Masks of pictures by a segmentor of MMSegmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmcv.transforms import Compose, LoadAnnotations, LoadImageFromFile, Resize
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmwsss.cam.segmentor_maps import is_sigmoid
from mmwsss.datasets.transforms.labels import EmptySegMap, LoadSegMap
from mmwsss.datasets.transforms.loading import LoadPicture
from mmwsss.prediction.network import Prediction, failed
from mmwsss.prediction.tiles import Tiling, predict_tiles
from mmwsss.registry import TRANSFORMS
from mmwsss.utils.errors import InputError

_LOADERS = (LoadPicture, LoadImageFromFile, LoadAnnotations, LoadSegMap, EmptySegMap)


def picture_pipeline(transforms: Sequence[Mapping[str, Any]], scope: str, unit: int | None = None) -> Compose:
    """What a test pipeline does between the picture and the network: without what reads pictures and masks.

    Args:
        transforms: Its configs.
        scope: The scope of their names.
        unit: Pixels that are made the size of the network's input, instead of the whole picture; None: the whole.
    """
    with DefaultScope.overwrite_default_scope(scope):
        built = [TRANSFORMS.build(dict(transform)) for transform in transforms]
        for number, transform in enumerate(built):
            if unit is not None and isinstance(transform, Resize) and transform.scale is not None:
                width, height = transform.scale
                if transform.keep_ratio:
                    width = height = min(width, height)
                factor = (width / unit, height / unit)
                built[number] = Resize(scale_factor=factor, interpolation=transform.interpolation)
    return Compose([transform for transform in built if not isinstance(transform, _LOADERS)])


class SegmentorNetwork:
    """A segmentor of MMSegmentation.

    Args:
        model: From :func:`~mmwsss.apis.inference.init_segmentor`.
        tiling: How large pictures are cut.
        batch_size: Tiles at a time.

    Raises:
        ValueError: If its config has no test pipeline, or neither it nor the checkpoint names the classes.
    """

    keeps_scores = False

    def __init__(self, model: BaseModel, tiling: Tiling | None = None, batch_size: int = 1) -> None:
        self.model, self.tiling, self.batch_size = model, tiling or Tiling(0), batch_size
        cfg: Config = model.cfg
        loader = cfg.get('test_dataloader') or {}
        pipeline = cfg.get('test_pipeline') or loader.get('dataset', {}).get('pipeline')
        if not pipeline:
            raise InputError('Expected a test_pipeline in the config of the segmentor, but it has none.')
        if not model.class_names:
            raise InputError('Expected names of classes in the checkpoint of the segmentor, but it has none.')
        self._transforms, self._scope = pipeline, cfg.get('default_scope') or 'mmseg'
        self._pipelines: dict[int | None, Compose] = {}
        self.classes: tuple[str, ...] = model.class_names
        self._is_sigmoid = hasattr(model, 'decode_head') and is_sigmoid(model)

    def samples(self, imgs: Sequence[np.ndarray]) -> list[SegDataSample]:
        """See :class:`Network`; a picture in tiles has no ``seg_logits``."""
        made: list[SegDataSample] = []
        whole = [img for img in imgs if self.tiling.unit(img.shape[:2]) is None]
        of_whole = iter(self._whole(whole))
        for img in imgs:
            if self.tiling.unit(img.shape[:2]) is None:
                made.append(next(of_whole))
            else:
                label = torch.from_numpy(self._tiled(img).label.astype(np.int64))
                made.append(SegDataSample(pred_sem_seg=PixelData(data=label[None])))
        return made

    def predict(self, imgs: Sequence[np.ndarray]) -> list[Prediction]:
        """See :class:`Network`."""
        made: dict[int, Prediction] = {}
        whole = [number for number, img in enumerate(imgs) if self.tiling.unit(img.shape[:2]) is None]
        for number, sample in zip(whole, self._whole([imgs[number] for number in whole])):
            scores = self._scores(sample)
            label = sample.pred_sem_seg.data[0].cpu().numpy().astype(np.uint8)
            score = np.take_along_axis(scores, label[None].astype(np.int64), 0)[0]
            made[number] = _checked(label, score, scores if self.keeps_scores else None)
        for number, img in enumerate(imgs):
            if number not in made:
                made[number] = self._tiled(img)
        return [made[number] for number in range(len(imgs))]

    def _tiled(self, img: np.ndarray) -> Prediction:
        unit = self.tiling.unit(img.shape[:2]) or max(img.shape[:2])

        def scores_of(tiles: Sequence[np.ndarray]) -> list[np.ndarray]:
            return [self._scores(sample) for sample in self._whole(tiles, unit)]

        return _checked(*predict_tiles(img, unit * self.tiling.span, self.tiling.overlap, scores_of, self.batch_size))

    def _pipeline(self, unit: int | None) -> Compose:
        if unit not in self._pipelines:
            if len(self._pipelines) > 8:  # panoramas of many sizes
                self._pipelines.clear()
            self._pipelines[unit] = picture_pipeline(self._transforms, self._scope, unit)
        return self._pipelines[unit]

    def _scores(self, sample: SegDataSample) -> np.ndarray:
        """Probabilities float32 (K + 1, H, W), background first; of a network that gives none, 1 for its label."""
        if 'seg_logits' not in sample:
            label = sample.pred_sem_seg.data[0].cpu().numpy()
            return np.stack([(label == value) for value in range(len(self.classes) + 1)]).astype(np.float32)
        logits = sample.seg_logits.data.float()
        if logits.shape[0] == 1:  # MMSegmentation has made it a probability
            scores = torch.cat([1 - logits, logits])
        elif self._is_sigmoid:
            scores = logits.sigmoid()
        else:
            scores = logits.softmax(0)
        return scores.cpu().numpy()

    @torch.no_grad()
    def _whole(self, imgs: Sequence[np.ndarray], unit: int | None = None) -> list[SegDataSample]:
        """Samples of pictures in one piece; those whose inputs have one shape go through the network together."""
        pipeline = self._pipeline(unit)
        packed = [pipeline({'img': img, 'img_shape': img.shape[:2], 'ori_shape': img.shape[:2]}) for img in imgs]
        groups: dict[tuple[int, ...], list[int]] = {}
        for number, row in enumerate(packed):
            groups.setdefault(tuple(row['inputs'].shape), []).append(number)
        made: dict[int, SegDataSample] = {}
        for numbers in groups.values():
            data = {key: [packed[number][key] for number in numbers] for key in ('inputs', 'data_samples')}
            made.update(zip(numbers, self.model.test_step(data)))
        return [made[number] for number in range(len(imgs))]


def _checked(label: np.ndarray, score: np.ndarray, scores: np.ndarray | None = None) -> Prediction:
    if not np.isfinite(score).all():
        return failed('Expected finite scores, but the network gave NaN or infinity.')
    return Prediction(label, score, scores=None if scores is None else scores.astype(np.float16))
