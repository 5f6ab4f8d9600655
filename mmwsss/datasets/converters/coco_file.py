"""A COCO annotation file, checked entry by entry; what cannot be used is counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mmwsss.datasets.converters.coco_masks import decode_segmentation
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import read_json

UNKNOWN_IMAGE = 'annotations of an image that is not listed'
UNKNOWN_CATEGORY = 'annotations of a category that is not listed'
NO_SEGMENTATION = 'annotations without a segmentation (their box is ignored in the mask)'
BAD_SEGMENTATION = 'annotations whose segmentation cannot be read (their box is ignored in the mask)'
ONLY_UNKNOWN = 'images whose annotations are all of a category that is not listed'


@dataclass
class CocoFile:
    """Images, categories and usable annotations of one file.

    Attributes:
        path: The file.
        images: Entries with ``id`` and ``file_name``, in the order of their ids.
        categories: Entries with ``id`` and ``name``, likewise.
        annotations: Entries with a known category by image id; each has its place in ``where``.
        left_out: What cannot be used, by reason.
        examples: The first entry of each reason.
        only_unknown: Ids of images that have annotations, none of a listed category.
    """

    path: Path
    images: list[Mapping[str, Any]]
    categories: list[Mapping[str, Any]]
    annotations: dict[Any, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    left_out: Counter = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    only_unknown: set[Any] = field(default_factory=set)

    @classmethod
    def read(cls, path: str | Path) -> CocoFile:
        """Read a file.

        Raises:
            ValueError: If it is no COCO file, or an entry lacks what it needs; names file and entry.
        """
        path = Path(path)
        content = read_json(path)
        if not isinstance(content, Mapping):
            raise InputError(
                f'Expected an object with images, annotations and categories in {path}, '
                f'but got a {type(content).__name__}.'
            )
        missing = [key for key in ('images', 'annotations', 'categories') if not isinstance(content.get(key), list)]
        if missing:
            raise InputError(f'Expected images, annotations and categories in {path}, but {missing} are missing.')
        images = _entries(content, path, 'images', 'file_name')
        for number, image in enumerate(images):
            inside = PurePosixPath(image['file_name'])
            if inside.is_absolute() or '..' in inside.parts or not inside.name:
                raise InputError(
                    f'Expected a file_name inside the folder of pictures in {path}, images[{number}], '
                    f'but got {image["file_name"]!r}.'
                )
        file = cls(path, _sorted(images), _sorted(_entries(content, path, 'categories', 'name')))
        file._sort_annotations(content['annotations'])
        return file

    def _sort_annotations(self, annotations: Sequence[Any]) -> None:
        images = {image['id'] for image in self.images}
        categories = {category['id'] for category in self.categories}
        unknown = set()
        for number, entry in enumerate(annotations):
            where = f'{self.path}, annotations[{number}]'
            if not isinstance(entry, Mapping) or not {'image_id', 'category_id'} <= set(entry):
                raise InputError(f'Expected image_id and category_id in {where}, but got {str(entry)[:120]}.')
            where += f' (id {entry.get("id")})'
            if _unhashable(entry['image_id']) or entry['image_id'] not in images:
                self.leave(UNKNOWN_IMAGE, f'{where}: image_id {entry["image_id"]!r}')
            elif _unhashable(entry['category_id']) or entry['category_id'] not in categories:
                self.leave(UNKNOWN_CATEGORY, f'{where}: category_id {entry["category_id"]!r}')
                unknown.add(entry['image_id'])
            else:
                self.annotations[entry['image_id']].append({**entry, 'where': where})
        self.only_unknown = unknown - set(self.annotations)

    def leave(self, reason: str, example: str) -> None:
        """Count something that cannot be used."""
        self.left_out[reason] += 1
        self.examples.setdefault(reason, example)

    def region(self, entry: Mapping[str, Any], height: int, width: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Where an annotation is: bool (H, W), or None; and where it may be, if it cannot say exactly.

        A segmentation that is missing or broken is counted, and gives the box (without a box the whole image) instead.
        """
        segmentation = entry.get('segmentation')
        if segmentation:
            try:
                return decode_segmentation(segmentation, height, width), None
            except Exception as error:  # whatever the run-length decoder raises on broken codes
                self.leave(BAD_SEGMENTATION, f'{entry["where"]}: {" ".join(str(error).split())[:120]}')
        else:
            self.leave(NO_SEGMENTATION, entry['where'])
        return None, _box(entry.get('bbox'), height, width)


def size_of(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """Height and width that an image's entry names; None where it names none."""
    height, width = image.get('height'), image.get('width')
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        return height, width
    return None


def _entries(content: Mapping[str, Any], path: Path, key: str, name: str) -> list[Mapping[str, Any]]:
    seen = set()
    for number, entry in enumerate(content[key]):
        good = isinstance(entry, Mapping) and not _unhashable(entry.get('id', [])) and isinstance(entry.get(name), str)
        if not good:
            raise InputError(f'Expected id and {name} in {path}, {key}[{number}], but got {str(entry)[:120]}.')
        if entry['id'] in seen:
            raise InputError(f'Expected different ids in {path}, {key}, but {key}[{number}] has {entry["id"]!r} again.')
        seen.add(entry['id'])
    return content[key]


def _sorted(entries: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(entries, key=lambda entry: (str(type(entry['id'])), entry['id']))


def _unhashable(value: Any) -> bool:
    return not isinstance(value, (int, str)) or isinstance(value, bool)


def _box(box: Any, height: int, width: int) -> np.ndarray:
    region = np.ones((height, width), bool)
    try:
        x, y, across, down = (float(value) for value in box)
        top, left = max(int(y), 0), max(int(x), 0)
        bottom, right = int(np.ceil(y + down)), int(np.ceil(x + across))
    except (TypeError, ValueError, OverflowError):
        return region
    region[:] = False
    region[top : max(bottom, 0), left : max(right, 0)] = True
    return region
