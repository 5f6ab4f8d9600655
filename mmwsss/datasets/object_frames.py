"""Images with a pasted object as a data set whose masks are known, and the same images without."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.datasets.transforms import LoadPicture, PasteObjects
from mmwsss.utils.errors import InputError
from mmwsss.utils.spread import spread


class ObjectFrames:
    """Images into which an object of a class that their label lacks is pasted: its outline is known.

    The kin of :class:`~mmwsss.datasets.composite_frames.CompositeFrames` for classes that cannot be generated. An
    object is what pseudo masks cut (:class:`~mmwsss.datasets.transforms.PasteObjects`): where these are too large or
    too small, so is what is known.

    Args:
        source: The data set that the images are from; those that lack a class of which objects were cut are used,
            evenly spread.
        pseudo_root: Output folder of ``make_pseudo``, whose masks cut the objects.
        number: Composites; where there are fewer images, they come again with other objects.
        seed: Of the draws.
        **paste: Of :class:`~mmwsss.datasets.transforms.PasteObjects`.

    Raises:
        FileNotFoundError: If the folder holds no finished run.
        ValueError: If nothing can be cut, or every image shows all classes that can.
    """

    def __init__(
        self,
        source: ImageDataset,
        pseudo_root: str | Path,
        number: int,
        seed: int = 0,
        **paste: Any,
    ) -> None:
        self._paste = PasteObjects(str(pseudo_root), prob=1.0, decoy_prob=0.0, seed=seed, **paste)
        self._paste.set_epoch(0)
        cut = set(self._paste.objects)
        lacking = [index for index in range(len(source)) if cut - set(source.get_data_info(index)['gt_label'].tolist())]
        if not lacking:
            raise InputError('Expected images that lack a class of which objects can be cut, but every one shows all.')
        self.frames = spread(lacking, number)
        self.source, self.number, self.pasted = source, number, True
        self._load = LoadPicture()

    def without(self) -> ObjectFrames:
        """The same images without the objects."""
        other = copy.copy(self)
        other.pasted = False
        return other

    @property
    def metainfo(self) -> Mapping[str, Any]:
        """That of the source."""
        return self.source.metainfo

    def __len__(self) -> int:
        return self.number

    def frame_of(self, idx: int) -> int:
        """Index in the source of a composite's image."""
        return self.frames[idx % len(self.frames)]

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """One composite.

        Returns:
            dict: as of any data set, with ``img`` (uint8 BGR (H, W, 3)), ``composite_class``, the index of the class
            whose object was drawn (None where it was too large to fit in), and ``object_matte``, float32 (H, W) in
            [0, 1], its opacity; all zeros without it.
        """
        info = self.source.get_data_info(self.frame_of(idx))
        clean = self._load(dict(info))['img']
        made = self._paste.transform({'img': clean, 'gt_label': info['gt_label'], 'sample_idx': idx})
        added = np.setdiff1d(made['gt_label'], info['gt_label'])
        matte = made.get('object_matte', np.zeros(clean.shape[:2], np.float32))
        return {
            **info,
            'img': made['img'] if self.pasted else clean,
            'composite_class': int(added[0]) if len(added) else None,
            'object_matte': matte if self.pasted else np.zeros_like(matte),
        }
