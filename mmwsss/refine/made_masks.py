"""Masks that another program made, read by image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from mmwsss.datasets.converters.coco_masks import decode_segmentation
from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import read_json

_USER = 'SAMRefine'
_SCORES = ('predicted_iou', 'score')  # segment-anything's name, and COCO's


class MadeMasks:
    """Automatic masks of pictures, from files that any generator left: SAM, SAM 2, SAM 3, MobileSAM, FastSAM, ...

    ``source`` is one of

    * a **folder** with a JSON file for each image, named as the image (``a/x.jpg`` has ``a/x.json``, or ``x.json``
      where no folder of that name is there). It holds a list of masks, or an object with such a list under
      ``annotations``, as in SA-1B. A mask is an object with ``segmentation``, or the segmentation itself;
    * a **COCO file** with ``images`` and ``annotations``; categories are not read. An image is found by its
      ``file_name``, with as many of its folders as the file names.

    A segmentation is a run-length code of COCO, compressed or plain, or a list of polygons. Two images that would share
    a file are refused; of processes that refine side by side each sees its own images alone.

    Args:
        source: The folder or the file.

    Raises:
        ImportError: If pycocotools is missing, with the install line.
        FileNotFoundError: If there is no such folder or file.
        ValueError: If the file is no COCO file.
    """

    def __init__(self, source: str | Path) -> None:
        self._coder = require('pycocotools.mask', _USER)
        self.source = Path(source)
        if not self.source.exists():
            raise MissingFileError(
                f'Expected masks of any generator in {source}, a folder with a JSON file for each image or a COCO '
                f'file, but there is no such folder or file.'
            )
        self._by_name = None if self.source.is_dir() else _read_coco(self.source)
        self._users: dict[str, str] = {}  # which image was given the masks of which name

    def __call__(self, img: np.ndarray, img_path: str) -> list[dict]:
        """Run-length codes (pycocotools) of a picture's masks, the best first where they have a score.

        Args:
            img: uint8 (H, W, 3).
            img_path: Where it lies.

        Raises:
            ValueError: If there are none for this image, they are of another size, two images would share them, or the
                file is broken.
        """
        name, found = self._find(img_path)
        user = self._users.setdefault(name, img_path)
        if user != img_path:
            raise InputError(
                f'Expected masks of one image under {name} in {self.source}, but {user} and {img_path} both ask for '
                f'them: keep the folders of the images in the names.'
            )
        found.sort(key=_score, reverse=True)
        return [self._code(entry, img.shape[:2], f'{self.source}, {name}') for entry in found]

    def _find(self, img_path: str) -> tuple[str, list[Any]]:
        for inner in _endings(img_path):
            if self._by_name is not None:
                if inner.as_posix() in self._by_name:
                    return inner.as_posix(), list(self._by_name[inner.as_posix()])
                continue
            for name in (inner.with_suffix('.json'), inner.with_name(inner.name + '.json')):
                if (self.source / name).is_file():
                    return name.as_posix(), _list_of(read_json(self.source / name), self.source / name)
        raise InputError(f'Expected masks of {img_path} in {self.source}, but there are none.')

    def _code(self, entry: Any, size: tuple[int, int], where: str) -> dict:
        segmentation = entry.get('segmentation', entry) if isinstance(entry, Mapping) else entry
        try:
            if isinstance(segmentation, Mapping) and not isinstance(segmentation['counts'], list):
                code, found = dict(segmentation), tuple(segmentation['size'])
            else:
                mask = decode_segmentation(segmentation, *size)
                mask = np.zeros(size, bool) if mask is None else mask
                code, found = self._coder.encode(np.asfortranarray(mask.astype(np.uint8))), mask.shape
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f'Expected a segmentation of {size} (H, W) in {where}, but {error}') from error
        if found != size:
            raise InputError(f'Expected masks of {size} (H, W) in {where}, as the picture has, but got {found}.')
        return code


def _endings(img_path: str) -> Iterator[PurePath]:
    """A path, and what is left of it without its first folder, its first two, ..."""
    parts = PurePath(img_path).parts
    for first in range(len(parts)):
        yield PurePath(*parts[first:]) if first or not PurePath(img_path).is_absolute() else PurePath(*parts[1:])


def _list_of(content: Any, path: Path) -> list[Any]:
    masks = content.get('annotations') if isinstance(content, Mapping) else content
    if not isinstance(masks, list):
        raise InputError(f'Expected a list of masks in {path}, or one under annotations, but got {str(content)[:80]}.')
    return list(masks)


def _read_coco(path: Path) -> dict[str, list[Any]]:
    """Annotations by the image's ``file_name``."""
    content = read_json(path)
    try:
        names = {image['id']: PurePath(image['file_name']).as_posix() for image in content['images']}
        by_name: dict[str, list[Any]] = {name: [] for name in names.values()}
        for entry in content['annotations']:
            by_name[names[entry['image_id']]].append(entry)
    except (KeyError, TypeError) as error:
        raise InputError(f'Expected a COCO file with images and annotations in {path}, but {error!r}.') from error
    return by_name


def _score(entry: Any) -> float:
    if not isinstance(entry, Mapping):
        return 0.0
    return next((float(entry[name]) for name in _SCORES if entry.get(name) is not None), 0.0)
