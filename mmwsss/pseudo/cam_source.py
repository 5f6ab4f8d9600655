"""Images of a data set, one after the other, with their class activation maps."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.model import BaseModel
from torch.utils.data import DataLoader, Dataset

from mmwsss.cam import CAMGenerator, SegmentorMaps
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.datasets.pictures import BadPictureError
from mmwsss.datasets.transforms import LoadPicture
from mmwsss.models.backbones.attention import transformer_blocks
from mmwsss.utils.errors import InputError

PRECISIONS = {'float32': None, 'bfloat16': torch.bfloat16, 'float16': torch.float16}


@dataclass
class CamItem:
    """One image and its maps.

    Attributes:
        index: Position in the data set.
        info: The data set's own item (paths, labels).
        img: uint8 BGR (H, W, 3), the picture in its own size.
        maps: float32 (L, n, h, w) in [0, 1], of each target layer and of the n classes of ``classes``, at the size of
            the network's input.
        raw_max: float32 (n,), maximum of each class's map before normalisation (of the last layer).
        classes: int64 (n,), ascending indices of the classes whose maps were computed: given or predicted ones.
        seconds: Seconds by stage (``load``, ``cam``).
        scores: float32 (n,) in [0, 1], how sure the network is that the image shows each of ``classes``.
    """

    index: int
    info: dict[str, Any]
    img: np.ndarray
    maps: np.ndarray
    raw_max: np.ndarray
    classes: np.ndarray
    seconds: dict[str, float]
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def for_fusion(self) -> dict[str, Any]:
        """What the fusion and the refiners get: ``img``, ``layer_cams``, ``raw_max``, ``classes`` and ``info``."""
        maps = {'layer_cams': self.maps, 'raw_max': self.raw_max, 'classes': self.classes}
        return {**self.info, 'img': self.img, **maps}


@dataclass(frozen=True)
class FailedItem:
    """One image that has no maps.

    Attributes:
        index: Position in the data set.
        info: The data set's own item (paths, labels).
        reason: Why there are none: the picture cannot be read, or the network gave NaN or infinity.
    """

    index: int
    info: dict[str, Any]
    reason: str


@dataclass(frozen=True)
class _LoadedItem:
    """One image before the network: as :class:`CamItem`, and the packed input."""

    index: int
    info: dict[str, Any]
    img: np.ndarray
    packed: dict[str, Any]
    seconds: float


class _Pictures(Dataset):
    """Loads pictures and runs the pipeline; a picture that cannot be read is a :class:`FailedItem`."""

    def __init__(self, dataset: ImageDataset, pipeline: Sequence[dict]) -> None:
        self.dataset = dataset
        self.pipeline = Compose(list(pipeline))

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> _LoadedItem | FailedItem:
        info = self.dataset.get_data_info(index)
        start = time.perf_counter()
        try:
            img = LoadPicture()(dict(info))['img']
            packed = self.pipeline({**info, 'img': img.copy()})
        except (BadPictureError, MemoryError, cv2.error) as error:
            info.pop('img', None)
            return FailedItem(index, info, str(error) or f'{type(error).__name__} on {info["img_path"]}')
        info.pop('img', None)
        return _LoadedItem(index, info, img, packed, time.perf_counter() - start)


def batches_of(number: int, batch_size: int) -> Iterator[range]:
    """Indices of consecutive images that are one batch each."""
    for start in range(0, number, batch_size):
        yield range(start, min(start + batch_size, number))


class CamSource:
    """Iterates over images with their maps, batch by batch.

    Images of one batch whose inputs have one shape go through the network together; nothing is padded. Where the memory
    does not suffice, a batch is halved until it does, and later ones with it.

    Args:
        model: A classifier, a model around one (``cam_classifier``), or a segmentor, as the generator reads it.
        dataset: A data set in test mode, whose own pipeline is not used.
        generator: Makes the maps.
        pipeline: From ``img`` to the packed input of the network.
        batches: Sequences of indices, one a batch; they are taken as they are needed.
        num_workers: Processes that load pictures; 0 loads in this one.
        precision: ``'float32'``, ``'bfloat16'`` or ``'float16'`` (autocast).
        channels_last: Memory format of network and images, faster for convolutions on most GPUs.
        compile: Compile the transformer blocks below the first target layer by ``torch.compile``.

    Raises:
        ValueError: If the precision is none of the three, or there are no blocks to compile.
    """

    def __init__(
        self,
        model: BaseModel,
        dataset: ImageDataset,
        generator: CAMGenerator | SegmentorMaps,
        pipeline: Sequence[dict],
        batches: Iterable[Sequence[int]],
        num_workers: int = 0,
        precision: str = 'float32',
        channels_last: bool = False,
        compile: bool = False,  # noqa: A002  (PyTorch's word)
    ) -> None:
        if precision not in PRECISIONS:
            raise InputError(f'Expected a precision of {list(PRECISIONS)}, but got {precision!r}.')
        self.model, self.generator = model.eval(), generator
        self.names = dataset.metainfo['classes']
        self.precision, self.channels_last = PRECISIONS[precision], channels_last
        if channels_last:
            self.model.to(memory_format=torch.channels_last)
        if compile:
            self._compile()
        self.loader = DataLoader(
            _Pictures(dataset, pipeline),
            batch_sampler=cast('Iterable[list[int]]', batches),  # any sequences of indices will do
            num_workers=num_workers,
            collate_fn=list,
        )
        self._largest: int | None = None  # images at a time, once the memory did not suffice

    def _compile(self) -> None:
        if isinstance(self.generator, SegmentorMaps):
            raise InputError('Expected a classifier for compile, but the maps are those of a segmentor.')
        blocks = transformer_blocks(getattr(self.model.cam_classifier, 'backbone', self.model))
        if not blocks:
            raise InputError('Expected a backbone with transformer blocks for compile, but it has none.')
        numbers = [layer for layer in self.generator.target_layers if isinstance(layer, int)]
        for block in blocks[: min(numbers, default=-1)]:
            block.compile()

    def __iter__(self) -> Iterator[CamItem | FailedItem]:
        for batch in self.loader:
            groups: dict[tuple[int, ...], list[_LoadedItem]] = {}
            made: dict[int, CamItem | FailedItem] = {}
            for item in batch:
                if isinstance(item, FailedItem):
                    made[item.index] = item
                else:
                    groups.setdefault(tuple(item.packed['inputs'].shape), []).append(item)
            for group in groups.values():
                made.update((item.index, item) for item in self._with_maps(group))
            for item in batch:
                yield made[item.index]

    def _with_maps(self, group: list[_LoadedItem]) -> list[CamItem | FailedItem]:
        """Maps of images whose inputs have one shape."""
        made: list[CamItem | FailedItem] = []
        waiting = [group]
        while waiting:
            images = waiting.pop(0)
            if self._largest is not None and len(images) > self._largest:
                waiting[:0] = [images[: self._largest], images[self._largest :]]
                continue
            try:
                made += self._compute(images)
            except (RuntimeError, MemoryError) as error:
                if len(images) == 1 or not _is_out_of_memory(error):
                    raise
                if self._largest is None:
                    warnings.warn(
                        f'The memory does not suffice for {len(images)} images at a time: halving.', stacklevel=2
                    )
                self._largest = len(images) // 2
                waiting.insert(0, images)
            else:
                continue
            if torch.cuda.is_available():
                torch.cuda.empty_cache()  # after the error, and what it held, is gone
        return made

    def _compute(self, group: list[_LoadedItem]) -> list[CamItem | FailedItem]:
        start = time.perf_counter()
        data = {key: [item.packed[key] for item in group] for key in ('inputs', 'data_samples')}
        inputs = self.model.data_preprocessor(data)['inputs']
        if self.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        labels = torch.from_numpy(np.stack([item.info['gt_score'] for item in group])) >= 0.5
        with self._autocast(inputs.device.type):
            cams = self.generator(self.model, inputs, labels)
        maps, raw_max = cams.maps.float().cpu(), cams.raw_max.float().cpu()
        image_index, class_index = cams.image_index.cpu(), cams.class_index.cpu()
        scores = cams.scores.float().cpu().numpy()
        made: list[CamItem | FailedItem] = []
        for number, item in enumerate(group):
            of_image = image_index == number
            classes = class_index[of_image].numpy()
            broken = classes[~torch.isfinite(raw_max[of_image]).all(1).numpy()]
            if len(broken):
                named = ', '.join(self.names[index] for index in broken)
                reason = f'Expected finite maps of {item.info["img_path"]}, but got NaN or infinity for {named}.'
                made.append(FailedItem(item.index, item.info, reason))
                continue
            layer_maps = maps[of_image].transpose(0, 1).contiguous().numpy()
            image_max = raw_max[of_image][:, -1].numpy()
            seconds_of = {'load': item.seconds}
            made.append(
                CamItem(
                    item.index, item.info, item.img, layer_maps, image_max, classes, seconds_of, scores[number, classes]
                )
            )
        seconds = (time.perf_counter() - start) / len(group)
        for done in made:
            if isinstance(done, CamItem):
                done.seconds['cam'] = seconds
        return made

    def _autocast(self, device: str) -> contextlib.AbstractContextManager:
        if self.precision is None:
            return contextlib.nullcontext()
        return torch.autocast(device, dtype=self.precision)


def _is_out_of_memory(error: BaseException) -> bool:
    known = (MemoryError, getattr(torch, 'OutOfMemoryError', MemoryError))
    return isinstance(error, known) or "can't allocate memory" in str(error) or 'out of memory' in str(error).lower()
