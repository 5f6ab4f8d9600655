"""What the caller of an export or an import may choose."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmwsss.datasets.pictures import SUFFIXES
from mmwsss.utils.errors import InputError, MissingFileError

IMAGES = ('none', 'link', 'copy')
EMPTY = ('background', 'skip')


@dataclass(frozen=True)
class ExportOptions:
    """Options of :func:`~mmwsss.exports.export_masks` and :func:`~mmwsss.exports.import_masks`.

    Attributes:
        tolerance: Of polygons: how far, in pixels, an outline may lie from the mask's true one; 0 keeps every corner.
        images: Whether the pictures are put beside the masks: ``'none'``, ``'link'`` (symbolic) or ``'copy'``; None
            leaves it to the format (YOLO and VOC link, for their readers look for pictures there).
        split: Name of the split, for formats that have some.
        image_url: Of Label Studio: what stands before an image's path. By default the address of local files.
        document_root: Of Label Studio: the server's document root, to which paths of local files are relative; by
            default the images' common folder.
        empty: On import, of formats that cannot tell "nothing there" from "not looked at" (COCO, CVAT): what an image
            without regions is, ``'background'`` or ``'skip'``.

    Raises:
        ValueError: If a value is out of its range.
    """

    tolerance: float = 0.0
    images: str | None = None
    split: str = 'train'
    image_url: str | None = None
    document_root: str | None = None
    empty: str = 'background'

    def __post_init__(self) -> None:
        if self.tolerance < 0:
            raise InputError(f'Expected tolerance >= 0 (pixels), but got {self.tolerance}.')
        if self.images is not None and self.images not in IMAGES:
            raise InputError(f'Expected images of {list(IMAGES)}, but got {self.images!r}.')
        if self.empty not in EMPTY:
            raise InputError(f'Expected empty of {list(EMPTY)}, but got {self.empty!r}.')
        if not self.split or Path(self.split).name != self.split:
            raise InputError(f'Expected a plain name for split, but got {self.split!r}.')


def regions_of(mask: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The values of a mask but 0, ascending, each with its pixels, bool (H, W)."""
    for value in np.unique(mask).tolist():
        if value:
            yield value, mask == value


def place_picture(source: str, target: Path, how: str) -> None:
    """Link or copy a picture; a link is made a copy where links are not allowed."""
    if how == 'none':
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if not Path(source).is_file():
        raise MissingFileError(f'Expected the image {source}, but there is no such file.')
    if target.is_symlink() or target.exists():
        target.unlink()
    if how == 'link':
        try:
            os.symlink(os.path.abspath(source), target)
            return
        except OSError:  # Windows without the right to make links
            pass
    shutil.copyfile(source, target)


def pictures_below(folder: str | Path, limit: int) -> list[Path]:
    """Pictures of a folder and its sub-folders, evenly chosen where there are more than a limit.

    Raises:
        ValueError: If there is none.
    """
    paths = sorted(path for path in Path(folder).rglob('*') if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InputError(f'Expected pictures in {folder}, but there are none.')
    return [paths[index * len(paths) // limit] for index in range(limit)] if len(paths) > limit else paths
