"""COCO's JSON: polygons, or run lengths without loss.

Categories have the pixel values as their numbers. A later annotation lies over an earlier one. Source:
https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.exports.mask_folder import Correction, MaskFolder
from mmwsss.exports.options import ExportOptions, place_picture, regions_of
from mmwsss.exports.outlines import bridged, fill, trace
from mmwsss.structures.run_lengths import decode_run_lengths
from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import read_json, write_json

FILE = 'annotations.json'


def encode_rle(mask: np.ndarray) -> dict[str, Any]:
    """A binary mask, bool (H, W), as COCO's compressed run lengths."""
    coco = require('pycocotools.mask', 'The export to COCO')
    code = coco.encode(np.asfortranarray(mask, np.uint8))
    return {'size': list(mask.shape), 'counts': code['counts'].decode('ascii')}


def decode_segmentation(segmentation: Any, size: tuple[int, int]) -> np.ndarray:
    """A binary mask of an annotation's ``segmentation``: polygons, run lengths, or compressed run lengths.

    Args:
        segmentation: A list of polygons, or a dict with ``size`` and ``counts``.
        size: Height and width.

    Returns:
        np.ndarray: bool (H, W).

    Raises:
        ValueError: If it is of another size, or broken.
    """
    if isinstance(segmentation, list):
        parts = [fill([_corners(part)], size) for part in segmentation]
        return np.logical_or.reduce(parts) if parts else np.zeros(size, bool)
    if not isinstance(segmentation, Mapping):
        raise InputError(f'Expected polygons or run lengths with size and counts, but got {str(segmentation)[:60]!r}.')
    return decode_run_lengths(segmentation, *size)


def _corners(polygon: list[float]) -> np.ndarray:
    if len(polygon) < 6 or len(polygon) % 2:
        raise InputError(f'Expected a polygon of at least three corners x, y, but got {len(polygon)} numbers.')
    return np.asarray(polygon, np.float64).reshape(-1, 2)


def _annotation(mask: np.ndarray, segmentation: Any, crowd: int) -> dict[str, Any]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x, y = int(columns[0]), int(rows[0])
    return {
        'segmentation': segmentation,
        'area': int(mask.sum()),
        'bbox': [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y],
        'iscrowd': crowd,
    }


def _as_polygons(region: np.ndarray, tolerance: float) -> Iterator[dict[str, Any]]:
    """One annotation for each connected part; holes hang on bridges."""
    for part in trace(region, tolerance):
        pixels = fill(part.rings, region.shape)
        if pixels.any():
            yield _annotation(pixels, [bridged(part).ravel().tolist()], 0)


def _write(folder: MaskFolder, out_dir: Path, options: ExportOptions, polygons: bool) -> dict[str, Any]:
    names = dict(enumerate(folder.classes, 1))
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, item in enumerate(folder.items, 1):
        mask = item.mask()
        place_picture(item.img_path, out_dir / 'images' / item.name, options.images or 'none')
        images.append({'id': number, 'file_name': item.name, 'width': mask.shape[1], 'height': mask.shape[0]})
        for value, region in regions_of(mask):
            if value == IGNORE_LABEL:
                names[value] = next(name for name, other in folder.values.items() if other == value)
            whole = [] if polygons else [_annotation(region, encode_rle(region), 1)]
            for part in _as_polygons(region, options.tolerance) if polygons else whole:
                annotations.append({'id': len(annotations) + 1, 'image_id': number, 'category_id': value, **part})
    categories = [{'id': value, 'name': name, 'supercategory': ''} for value, name in names.items()]
    content = {'info': {}, 'licenses': [], 'images': images, 'annotations': annotations, 'categories': categories}
    write_json(out_dir / FILE, content)
    return {'images': len(images), 'annotations': len(annotations), 'file': str(out_dir / FILE)}


def write_polygons(folder: MaskFolder, out_dir: Path, options: ExportOptions) -> dict[str, Any]:
    """Write ``annotations.json``: an annotation for each connected region (detector loaders read these)."""
    return _write(folder, out_dir, options, polygons=True)


def write_rle(folder: MaskFolder, out_dir: Path, options: ExportOptions) -> dict[str, Any]:
    """Write ``annotations.json``: an annotation with run lengths for each class of an image (``iscrowd`` 1)."""
    return _write(folder, out_dir, options, polygons=False)


def read(source: Path, folder: MaskFolder, options: ExportOptions) -> Iterator[Correction]:
    """Masks of the images of a COCO file.

    Args:
        source: The JSON file, or a folder with ``annotations.json``.
        folder: The folder that was exported.
        options: ``empty`` counts.

    Raises:
        ValueError: If an image, a class or a size is unknown; names it and the file.
    """
    source = source / FILE if source.is_dir() else source
    content = read_json(source)
    missing = [key for key in ('images', 'annotations', 'categories') if key not in content]
    if missing:
        raise InputError(f'Expected COCO annotations in {source}, but {missing} are missing.')
    values = {row['id']: folder.value_of(row['name'], source) for row in content['categories']}
    by_image: dict[Any, list[dict]] = {}
    for row in sorted(content['annotations'], key=lambda row: row['id']):
        by_image.setdefault(row['image_id'], []).append(row)
    for image in content['images']:
        item, rows = folder.find(image['file_name'], source), by_image.get(image['id'], [])
        size = item.size()
        if (image['height'], image['width']) != size:
            there = [image['height'], image['width']]
            raise InputError(f'Expected the size {list(size)} (H, W) of {item.name} in {source}, but got {there}.')
        if not rows and options.empty == 'skip':
            continue
        mask = np.zeros(size, np.uint8)
        for row in rows:
            try:
                mask[decode_segmentation(row['segmentation'], size)] = values[row['category_id']]
            except (KeyError, ValueError) as error:
                raise InputError(f'In {source}, annotation {row.get("id")} of {item.name}: {error}') from error
        yield Correction(item, mask)
