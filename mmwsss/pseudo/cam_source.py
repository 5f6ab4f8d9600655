"""Images of a data set, one after the other, with their class activation maps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn as nn
from mmcv.transforms import Compose
from torch.utils.data import DataLoader, Dataset

from mmwsss.cam import CAMGenerator
from mmwsss.cam.functional import resize_cam
from mmwsss.datasets.pictures import BadPictureError
from mmwsss.datasets.transforms import LoadPicture


@dataclass
class CamItem:
    """One image and its maps, or why there are none.

    Attributes:
        index: Position in the data set.
        info: The data set's own item (paths, labels).
        img: uint8 BGR (H, W, 3), the picture in its own size.
        layer_cams: float32 (L, K, H, W) in [0, 1], at the picture's size.
        raw_max: float32 (K,), maximum of each map before normalisation (of the last layer).
        labels: int64 (n,), the classes whose maps were computed.
        reason: Why there are no maps; then the three above are None.
        seconds: Seconds by stage.
    """

    index: int
    info: dict
    img: np.ndarray | None = None
    layer_cams: np.ndarray | None = None
    raw_max: np.ndarray | None = None
    labels: np.ndarray | None = None
    reason: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)


class _Pictures(Dataset):
    """Loads pictures and runs the pipeline; a bad one is an item with a reason."""

    def __init__(self, dataset: Any, pipeline: Sequence[dict], indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices
        self.pipeline = Compose(list(pipeline))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> tuple[CamItem, dict | None]:
        index = self.indices[position]
        info = self.dataset.get_data_info(index)
        start = time.perf_counter()
        try:
            img = LoadPicture()(dict(info))['img']
        except BadPictureError as error:
            return CamItem(index, info, reason=str(error)), None
        packed = self.pipeline({**info, 'img': img.copy()})
        info.pop('img', None)
        return CamItem(index, info, img, seconds={'load': time.perf_counter() - start}), packed


class CamSource:
    """Iterates over images with their maps, in the order of ``indices``.

    Args:
        model: A classifier or distiller in eval mode.
        dataset: A data set in test mode, whose own pipeline is not used.
        generator: Makes the maps.
        pipeline: From ``img`` to the packed input of the network.
        indices: Which images; all by default.
        batch_size: Images a forward pass.
        num_workers: Processes that load pictures; 0 loads in this one.
    """

    def __init__(
        self,
        model: nn.Module,
        dataset: Any,
        generator: CAMGenerator,
        pipeline: Sequence[dict],
        indices: Sequence[int] | None = None,
        batch_size: int = 8,
        num_workers: int = 0,
    ) -> None:
        self.model, self.generator = model.eval(), generator
        indices = range(len(dataset)) if indices is None else indices
        self.loader = DataLoader(
            _Pictures(dataset, pipeline, indices), batch_size, num_workers=num_workers, collate_fn=list
        )

    def __iter__(self) -> Iterator[CamItem]:
        for batch in self.loader:
            groups: dict[tuple, list[tuple[CamItem, dict]]] = {}
            for item, packed in batch:
                if packed is not None:
                    groups.setdefault(tuple(packed['inputs'].shape), []).append((item, packed))
            for group in groups.values():
                self._add_maps(group)
            for item, _ in batch:
                yield item

    def _add_maps(self, group: list[tuple[CamItem, dict]]) -> None:
        """Maps of images whose inputs have one shape."""
        start = time.perf_counter()
        data = {key: [packed[key] for _, packed in group] for key in ('inputs', 'data_samples')}
        inputs = self.model.data_preprocessor(data)['inputs']
        labels = torch.from_numpy(np.stack([item.info['gt_score'] for item, _ in group])) > 0
        cams = self.generator(self.model, inputs, labels)
        for number, (item, _) in enumerate(group):
            maps = resize_cam(cams.layer_cams[number].float().cpu(), item.img.shape[:2])
            item.layer_cams = maps.numpy()
            item.raw_max = cams.raw_max[number, -1].cpu().numpy()
            item.labels = cams.classes[number].nonzero().flatten().cpu().numpy()
        seconds = (time.perf_counter() - start) / len(group)
        for item, _ in group:
            item.seconds['cam'] = seconds
