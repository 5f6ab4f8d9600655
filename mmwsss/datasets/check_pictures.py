"""Headers of all pictures of a data set, and some of its masks."""

from __future__ import annotations

import os.path as osp
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmwsss.datasets.bit_depth import stretch, tagged_top
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.datasets.masks import raw_mask, truth_of
from mmwsss.datasets.picture_files import BadPictureError, open_picture
from mmwsss.datasets.pictures import PictureHeader, read_header, read_picture
from mmwsss.utils.progress import Progress

_SAMPLE = 200
"""Masks and deep pictures that are decoded."""


@dataclass
class PictureFacts:
    """What the headers of a data set's pictures say.

    Attributes:
        headers: By path, of the pictures that can be read.
        labels: Names of the classes by path.
        reasons: Why others cannot be read.
        kinds: Pictures by suffix.
        deep: Pictures of more than 8 bits a channel.
        decoded: How many of these were decoded.
        stretched: How many of those use fewer bits than they have.
    """

    headers: dict[str, PictureHeader] = field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    kinds: Counter = field(default_factory=Counter)
    deep: int = 0
    decoded: int = 0
    stretched: int = 0

    def extremes(self) -> dict[str, tuple[int, int]] | None:
        """``smallest``, ``median`` and ``largest`` size by area, (height, width) in pixels; None without pictures."""
        sizes = sorted(((h.height, h.width) for h in self.headers.values()), key=lambda size: (size[0] * size[1], size))
        if not sizes:
            return None
        return {'smallest': sizes[0], 'median': sizes[len(sizes) // 2], 'largest': sizes[-1]}

    def notes(self, min_side: int) -> list[str]:
        """Notes on pictures that are small or have many bits; ``min_side`` is in pixels."""
        notes = []
        tiny = [path for path, header in self.headers.items() if min(header.height, header.width) < min_side]
        if tiny:
            header = self.headers[tiny[0]]
            notes.append(
                f'{len(tiny)} pictures have a side below {min_side} pixels, first {tiny[0]} '
                f'({header.height} x {header.width})'
            )
        if self.deep:
            notes.append(
                f'{self.deep} pictures have more than 8 bits a channel; of {self.decoded} looked at, '
                f'{self.stretched} use fewer bits than they have and are stretched'
            )
        return notes


def inspect_pictures(dataset: ImageDataset, decode: bool = False, silent: bool = False) -> PictureFacts:
    """Headers of a data set's pictures.

    Args:
        dataset: The data set.
        decode: Decode every picture as well.
        silent: No progress.
    """
    facts = PictureFacts()
    classes = dataset.metainfo['classes']
    with Progress(len(dataset), 'pictures looked at', silent=silent) as progress:
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            path = info['img_path']
            facts.kinds[osp.splitext(path)[1].lower() or 'no suffix'] += 1
            try:
                if info.get('refused'):
                    raise BadPictureError(info['refused'])
                header = read_header(path)
                if decode:
                    read_picture(path)
            except (BadPictureError, OSError) as error:
                facts.reasons.append(str(error))
            else:
                facts.headers[path] = header
                facts.labels[path] = tuple(classes[label] for label in info['gt_label'])
                _inspect_depth(path, header, facts)
            progress.update()
    return facts


def _inspect_depth(path: str, header: PictureHeader, facts: PictureFacts) -> None:
    if not header.mode.startswith(('I', 'F')):
        return
    facts.deep += 1
    if facts.decoded < _SAMPLE:
        with open_picture(path) as image:
            facts.decoded += 1
            facts.stretched += stretch(np.asarray(image), tagged_top(image, path))[1]


def inspect_masks(
    dataset: ImageDataset, headers: dict[str, PictureHeader], silent: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """Which masks are there, their sizes, and the values of some.

    Args:
        dataset: An :class:`~mmwsss.datasets.ImageLabelDataset` whose items name masks.
        headers: Of the pictures.
        silent: No progress.

    Returns:
        ``found``, ``missing``, ``other_size``, ``looked_at`` and ``values`` (number of masks by value); and the
        problems.
    """
    counts: Counter = Counter(found=0, missing=0, other_size=0, looked_at=0)
    values: Counter = Counter()
    problems: dict[str, list[str]] = {'missing': [], 'size': [], 'values': []}
    step = max(1, len(dataset) // _SAMPLE)
    with Progress(len(dataset), 'masks looked at', silent=silent) as progress:
        for index in range(len(dataset)):
            progress.update()
            info = dataset.get_data_info(index)
            path, header = info['seg_map_path'], headers.get(info['img_path'])
            if not osp.isfile(path):
                counts['missing'] += 1
                problems['missing'].append(f'of {info["img_path"]}: {path}')
                continue
            counts['found'] += 1
            try:
                with open_picture(path) as image:
                    size = (image.height, image.width)
                if header is not None and size != (header.height, header.width):
                    counts['other_size'] += 1
                    problems['size'].append(f'{path} is {size}, its image {(header.height, header.width)} (H, W)')
                if index % step == 0:
                    counts['looked_at'] += 1
                    values.update(np.unique(raw_mask(path)).tolist())
                    truth_of(info)
            except (BadPictureError, OSError) as error:
                problems['values'].append(str(error))
    lines = [
        f'{len(found)} masks {what}, first {found[0]}'
        for what, found in zip(('are missing', 'have another size', 'cannot be used'), problems.values())
        if found
    ]
    return {**counts, 'values': {int(value): number for value, number in sorted(values.items())}}, lines
