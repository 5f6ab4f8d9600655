"""YOLO's text files of polygons.

``labels/<split>/<name>.txt`` has a line for each connected region: the class from 0, then x and y of its corners as
shares of width and height. Holes hang on bridges; pixels of the ignore label are lost. An empty file says that nothing
is there, a missing one that nobody looked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.exports.mask_folder import Correction, MaskFolder, MaskItem
from mmwsss.exports.options import ExportOptions, place_picture, regions_of
from mmwsss.exports.outlines import bridged, fill, trace
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import atomic_write

_DIGITS = 8  # a ten-thousandth of a pixel at 10,000 pixels


def encode_lines(mask: np.ndarray, tolerance: float = 0.0) -> list[str]:
    """Lines of one label file.

    Args:
        mask: uint8 (H, W).
        tolerance: Of the outlines, in pixels.
    """
    scale = np.array(mask.shape[::-1], np.float64)
    lines = []
    for value, pixels in regions_of(mask):
        if value != IGNORE_LABEL:
            for region in trace(pixels, tolerance):
                corners = (bridged(region) / scale).ravel()
                lines.append(' '.join([str(value - 1), *(f'{number:.{_DIGITS}g}' for number in corners)]))
    return lines


def decode_lines(lines: list[str], size: tuple[int, int], num_classes: int) -> np.ndarray:
    """The mask of one label file; a later line lies over an earlier one.

    Args:
        lines: Its lines.
        size: Height and width.
        num_classes: Number of classes.

    Returns:
        np.ndarray: uint8 (H, W).

    Raises:
        ValueError: If a line is no polygon or its class is unknown; says which line.
    """
    mask = np.zeros(size, np.uint8)
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        try:
            value, corners = int(words[0]), np.array([float(word) for word in words[1:]])
        except ValueError as error:
            raise InputError(f'Expected a class and coordinates in line {number}, but got {line[:60]!r}.') from error
        if corners.size < 6 or corners.size % 2:
            raise InputError(f'Expected at least three corners x, y in line {number}, but got {corners.size} numbers.')
        if not 0 <= value < num_classes:
            raise InputError(f'Expected a class in [0, {num_classes}) in line {number}, but got {value}.')
        mask[fill([np.round(corners.reshape(-1, 2) * size[::-1], 4)], size)] = value + 1
    return mask


def write(folder: MaskFolder, out_dir: Path, options: ExportOptions) -> dict[str, Any]:
    """Write ``data.yaml``, ``labels/`` and, linked or copied, ``images/``."""
    ignored = 0
    for item in folder.items:
        mask = item.mask()
        ignored += bool((mask == IGNORE_LABEL).any())
        lines = encode_lines(mask, options.tolerance)
        with atomic_write(_label_file(out_dir, options.split, item)) as handle:
            handle.write(''.join(line + '\n' for line in lines))
        picture = out_dir / 'images' / options.split / (item.stem + Path(item.img_path).suffix)
        place_picture(item.img_path, picture, options.images or 'link')
    content = {
        'path': str(out_dir.absolute()),
        'train': f'images/{options.split}',
        'val': f'images/{options.split}',
        'nc': len(folder.classes),
        'names': dict(enumerate(folder.classes)),
    }
    with atomic_write(out_dir / 'data.yaml') as handle:
        yaml.safe_dump(content, handle, allow_unicode=True, sort_keys=False)
    return {'images': len(folder.items), 'images that lost ignored pixels': ignored, 'file': str(out_dir / 'data.yaml')}


def _label_file(folder: Path, split: str, item: MaskItem) -> Path:
    return folder / 'labels' / split / f'{item.stem}.txt'


def _classes(source: Path) -> list[str]:
    path = source / 'data.yaml'
    if not path.is_file():
        raise MissingFileError(f'Expected a YOLO data set with data.yaml in {source}, but there is no {path}.')
    names = (yaml.safe_load(path.read_text(encoding='utf-8')) or {}).get('names')
    if not names:
        raise InputError(f'Expected names of classes in {path}, but got {names!r}.')
    return [names[key] for key in sorted(names)] if isinstance(names, dict) else list(names)


def read(source: Path, folder: MaskFolder, options: ExportOptions) -> Iterator[Correction]:
    """Masks of the images that have a label file.

    Args:
        source: Folder with ``data.yaml`` and ``labels/``.
        folder: The folder that was exported; it knows the sizes of the images.
        options: ``split`` counts.

    Raises:
        FileNotFoundError: If it is no YOLO data set.
        ValueError: If a file names no image of the folder, or is broken.
    """
    classes = _classes(source)
    table = np.array([0, *(folder.value_of(name, source / 'data.yaml') for name in classes)], np.uint8)
    labels = source / 'labels' / options.split
    if not labels.is_dir():
        raise MissingFileError(f'Expected label files in {labels}, but there is no such folder.')
    by_stem = {item.stem: item for item in folder.items}
    for path in sorted(labels.rglob('*.txt')):
        stem = path.relative_to(labels).with_suffix('').as_posix()
        if stem not in by_stem:
            raise InputError(f'Expected a label file of an image of {folder.path}, but got {path}.')
        item = by_stem[stem]
        try:
            mask = decode_lines(path.read_text(encoding='utf-8').splitlines(), item.size(), len(classes))
        except ValueError as error:
            raise InputError(f'In {path}: {error}') from error
        yield Correction(item, table[mask])
