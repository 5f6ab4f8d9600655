"""Smoke-free frames with generated smoke as a data set whose masks are known, and the same frames without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from mmwsss.datasets.composites import Composer
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.datasets.transforms import LoadPicture
from mmwsss.utils.errors import InputError


class CompositeFrames:
    """Frames whose label says that they show none of the classes, with smoke blended in: ground truth by nobody.

    What a frame gets depends on seed and place alone; with ``smoke=False`` it is the same frame, look-alike included,
    without the smoke. Frames are shrunk first, because plumes are drawn on a coarse grid and nothing is gained by more.

    Args:
        source: The data set that the frames are from.
        frames: Indices of the frames in it, all without a class.
        smoke: Whether there is smoke.
        class_index: Index of smoke among the classes.
        repeat: Composites a frame, each with another plume.
        seed: Of the draws.
        max_side: Longer side in pixels at most.
        **composer: Of :class:`~mmwsss.datasets.composites.Composer`.

    Raises:
        ValueError: If a frame shows a class, or there is no frame.
    """

    def __init__(
        self,
        source: ImageDataset,
        frames: Sequence[int],
        smoke: bool = True,
        class_index: int = 0,
        repeat: int = 1,
        seed: int = 0,
        max_side: int = 384,
        **composer: Any,
    ) -> None:
        if not len(frames):
            raise InputError('Expected frames without any class to blend smoke into, but got none.')
        self.source, self.frames = source, list(frames)
        self.smoke, self.class_index, self.repeat = smoke, class_index, repeat
        self.seed, self.max_side = seed, max_side
        self.composer = Composer(**composer)
        self._load = LoadPicture()

    @property
    def metainfo(self) -> Mapping[str, Any]:
        """That of the source."""
        return self.source.metainfo

    def __len__(self) -> int:
        return len(self.frames) * self.repeat

    def frame_of(self, idx: int) -> int:
        """Index in the source of a composite's frame."""
        return self.frames[idx // self.repeat]

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """One composite.

        Returns:
            dict: as of any data set, with ``img`` (uint8 BGR (H, W, 3)), ``gt_seg_map`` (uint8 (H, W)) and
            ``plume_matte``, float32 (H, W) in [0, 1], the smoke's opacity; all zeros where ``smoke`` is off.
        """
        info = self.source.get_data_info(self.frame_of(idx))
        if info['gt_label'].size:
            raise InputError(f'Expected a frame without any class, but {info["img_path"]} has {info["gt_label"]}.')
        img = self._load(dict(info))['img']
        factor = self.max_side / max(img.shape[:2])
        if factor < 1:
            size = [max(round(side * factor), 1) for side in img.shape[1::-1]]
            img = cv2.resize(img, size, interpolation=cv2.INTER_AREA)
        made = self.composer.compose(np.random.default_rng([self.seed, idx]), img, True)
        score = np.zeros_like(info['gt_score'])
        score[self.class_index] = 1
        matte = made.matte if self.smoke else np.zeros_like(made.matte)
        return {
            'img_path': info['img_path'],
            'img': made.img if self.smoke else made.clean,
            'gt_label': np.array([self.class_index], np.int64),
            'gt_score': score,
            'gt_seg_map': (matte > self.composer.cut).astype(np.uint8) * np.uint8(self.class_index + 1),
            'plume_matte': matte,
        }
