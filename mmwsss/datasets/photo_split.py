"""Part of a data set, split by the photo that a crop was cut from."""

from __future__ import annotations

import hashlib
import os.path as osp
from collections.abc import Mapping
from typing import Any

from mmwsss.datasets.groups import group_in_table, read_group_table
from mmwsss.datasets.image_label import ImageLabelDataset
from mmwsss.registry import DATASETS
from mmwsss.utils.errors import InputError


def split_of(group: str, shares: Mapping[str, float], seed: int = 0) -> str:
    """The part that a group belongs to, by its hash: the same whatever else is in the set.

    Args:
        group: Name of the group.
        shares: Share of groups of each part; they sum to one.
        seed: Random seed of the split.
    """
    place = int.from_bytes(hashlib.sha256(f'{seed}/{group}'.encode()).digest()[:8], 'big') / 2**64
    for part, share in shares.items():
        place -= share
        if place < 0:
            return part
    return list(shares)[-1]


@DATASETS.register_module()
class PhotoSplitDataset(ImageLabelDataset):
    """An image-label data set of which only the photos of one part are used.

    All crops of a photo are in one part: crops of one photo overlap, and a split by crop tests on what was trained on.

    Args:
        part: The part to use, a key of ``shares``.
        shares: Share of photos of each part.
        group_file: CSV below ``data_root`` that says which photo a crop is from; without it every image is a photo.
        group_columns: Its columns of the crop (path or stem) and of the photo.
        split_seed: See :func:`split_of`.
        with_masks: Also give ``seg_map_path`` to train on pixels.
        **kwargs: Of :class:`~mmwsss.datasets.ImageLabelDataset`.

    Raises:
        FileNotFoundError: If the group file is missing.
        ValueError: If the part is unknown, the shares do not sum to one, or an image has no photo in the file.
    """

    def __init__(
        self,
        part: str,
        shares: Mapping[str, float],
        group_file: str | None = None,
        group_columns: tuple[str, str] = ('id', 'source_photo'),
        split_seed: int = 0,
        with_masks: bool = False,
        **kwargs: Any,
    ) -> None:
        if part not in shares or abs(sum(shares.values()) - 1) > 1e-6 or min(shares.values()) < 0:
            raise InputError(f'Expected part to be a key of shares that sum to 1, but got {part!r} and {dict(shares)}.')
        self.part, self.shares, self.split_seed = part, dict(shares), split_seed
        self.group_file, self.group_columns, self.with_masks = group_file, tuple(group_columns), with_masks
        super().__init__(**kwargs)

    @property
    def gives_masks(self) -> bool:
        """Whether items name their masks: to test, or where training on pixels is asked for."""
        return self.test_mode or self.with_masks

    def load_data_list(self) -> list[dict]:
        """Items of the part."""
        data_list = super().load_data_list()
        groups = self._read_groups()
        chosen = [item for item in data_list if self._part_of(item['img_path'], groups) == self.part]
        if not chosen:
            raise InputError(f'Expected images in the part {self.part!r} of {self.shares}, but got none.')
        return chosen

    def _part_of(self, path: str, groups: Mapping[str, str] | None) -> str:
        if groups is None:
            return split_of(osp.splitext(osp.basename(path))[0], self.shares, self.split_seed)
        photo = group_in_table(path, self.data_prefix['img_path'], groups)
        if photo is None:
            raise InputError(f'Expected the photo of {path} in {self.group_file}, but it is not there.')
        return split_of(photo, self.shares, self.split_seed)

    def _read_groups(self) -> dict[str, str] | None:
        if self.group_file is None:
            return None
        return read_group_table(osp.join(self.data_root, self.group_file), self.group_columns)
