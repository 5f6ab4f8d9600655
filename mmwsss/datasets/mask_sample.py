"""Check of the values of some masks, before any work."""

from __future__ import annotations

import os.path as osp
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmwsss.datasets.masks import advice, found, raw_mask, read_mask
from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.datasets.picture_files import BadPictureError
from mmwsss.datasets.pictures import read_header
from mmwsss.utils.errors import InputError

_SAMPLE = 16


def check_mask_sample(items: Sequence[Mapping[str, Any]], num_classes: int, where: str, sample: int = _SAMPLE) -> None:
    """Read a few masks of images with a class.

    Masks that are missing or cannot be read are left to whoever needs them.

    Args:
        items: With ``seg_map_path``, ``gt_label`` and ``mask_values``.
        num_classes: Number of foreground classes K.
        where: Folder of the masks, for the message.
        sample: Most masks to read.

    Raises:
        BadPictureError: If a mask has other values than it should.
        ValueError: If none of the masks has the size of its picture, or none shows any class although their images'
            labels do, as masks of 0 and 255 that are read as background and ignored pixels; says how to read them.
    """
    positives = [item for item in items if len(item['gt_label']) and osp.isfile(item['seg_map_path'])]
    if not positives:
        return
    chosen = [positives[int(place)] for place in np.linspace(0, len(positives) - 1, min(sample, len(positives)))]
    raw_values: set[int] = set()
    shows_class, looked_at, other_sizes = False, 0, []
    for item in chosen:
        try:
            raw = raw_mask(item['seg_map_path'])
        except BadPictureError:
            continue
        mask = read_mask(item['seg_map_path'], item.get('mask_values'), num_classes)
        looked_at += 1
        raw_values.update(np.unique(raw).tolist())
        shows_class |= bool(((mask > 0) & (mask != IGNORE_LABEL)).any())
        size = _size_of_picture(item)
        if size is not None and size != mask.shape:
            other_sizes.append(f'{item["seg_map_path"]} is {mask.shape}, its image {size} (H, W)')
    if looked_at and len(other_sizes) == looked_at:
        raise InputError(
            f'Expected masks of the size of their images in {where}, but the first {looked_at} of images with a class '
            f'have another: {other_sizes[0]}.'
        )
    if looked_at and not shows_class and raw_values != {0}:
        values = np.array(sorted(raw_values))
        raise InputError(
            f'Expected masks with values in [0, {num_classes}] or {IGNORE_LABEL} (ignored) in {where}, but the first '
            f'{looked_at} of images with a class have {found(values)} and so show no class. Say how they are to be '
            f'read, for example {advice(values, num_classes)}.'
        )


def _size_of_picture(item: Mapping[str, Any]) -> tuple[int, int] | None:
    """Height and width; None of a picture that cannot be read, which is said elsewhere."""
    try:
        header = read_header(item['img_path'])
    except (BadPictureError, OSError):
        return None
    return header.height, header.width
