"""Label Studio's tasks: masks as brush strokes that stand there as pre-annotations.

Source: https://labelstud.io/guide/predictions and https://labelstud.io/guide/storage.html#Local-storage.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from mmwsss.exports.brush_rle import decode_brush, encode_brush
from mmwsss.exports.mask_folder import Correction, MaskFolder, MaskItem
from mmwsss.exports.options import ExportOptions, regions_of
from mmwsss.exports.outlines import fill
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import atomic_write, path_below, read_json, write_json
from mmwsss.version import __version__

TASKS, LABEL_CONFIG = 'tasks.json', 'label_config.xml'
LOCAL_FILES = '/data/local-files/?d='
_FROM, _TO = 'mask', 'image'


def label_config(folder: MaskFolder) -> str:
    """The labelling interface: brushes for the classes and for pixels to ignore, in the colours of the masks."""
    view = ET.Element('View')
    ET.SubElement(view, 'Image', {'name': _TO, 'value': '$image', 'zoom': 'true', 'zoomControl': 'true'})
    brushes = ET.SubElement(view, 'BrushLabels', {'name': _FROM, 'toName': _TO})
    for name, colour in folder.colours.items():
        ET.SubElement(brushes, 'Label', {'value': name, 'background': colour})
    ET.indent(view)
    return ET.tostring(view, encoding='unicode') + '\n'


def encode_result(mask: np.ndarray, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Regions of one image, a brush for each class.

    Args:
        mask: uint8 (H, W).
        names: Class name by pixel value.
    """
    common = {'type': 'brushlabels', 'from_name': _FROM, 'to_name': _TO, 'image_rotation': 0}
    common |= {'original_width': mask.shape[1], 'original_height': mask.shape[0]}
    result = []
    for value, pixels in regions_of(mask):
        code = {'format': 'rle', 'rle': encode_brush(pixels), 'brushlabels': [names[value]]}
        result.append({'id': f'value{value}', **common, 'value': code})
    return result


def decode_result(result: list[dict[str, Any]], size: tuple[int, int], folder: MaskFolder, where: str) -> np.ndarray:
    """The mask of an annotation's regions; a later one lies over an earlier one.

    Args:
        result: Brush and polygon regions; relations and whole-image choices are passed over.
        size: Height and width.
        folder: Knows the classes.
        where: File and image, for errors.

    Returns:
        np.ndarray: uint8 (H, W).

    Raises:
        ValueError: If a region is of another kind, size or class.
    """
    mask = np.zeros(size, np.uint8)
    for region in result:
        kind = region.get('type')
        if kind in ('relation', 'choices', 'textarea', 'rating'):
            continue
        value = region.get('value', {})
        names = value.get(kind) or value.get('labels')
        if kind not in ('brushlabels', 'polygonlabels') or not names:
            raise InputError(f'Expected brushlabels or polygonlabels in {where}, but got {kind!r}.')
        there = (region.get('original_height'), region.get('original_width'))
        if there != size:
            raise InputError(f'Expected regions of the size {size} (H, W) in {where}, but got {there}.')
        if kind == 'brushlabels':
            try:
                pixels = decode_brush(value['rle'], size)
            except (KeyError, ValueError) as error:
                raise InputError(f'In {where}: {error}') from error
        else:
            pixels = fill([np.asarray(value['points'], np.float64) * (np.array(size[::-1]) / 100)], size)
        mask[pixels] = folder.value_of(names[0], where)
    return mask


def write(folder: MaskFolder, out_dir: Path, options: ExportOptions) -> dict[str, Any]:
    """Write ``tasks.json`` and ``label_config.xml``, and say how the pictures are served from disk."""
    names = {value: name for name, value in folder.values.items()}
    paths = [os.path.abspath(item.img_path) for item in folder.items]
    # a storage must be a true sub-folder of the root, so the root is one folder above the pictures
    root = os.path.abspath(options.document_root or _common_folder(paths).parent)
    tasks = [_task(folder, item, names, _url(item, path, root, options)) for item, path in zip(folder.items, paths)]
    write_json(out_dir / TASKS, tasks)
    with atomic_write(out_dir / LABEL_CONFIG) as handle:
        handle.write(label_config(folder))
    serving = 'LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT='
    return {
        'images': len(tasks),
        'file': str(out_dir / TASKS),
        'labelling interface': str(out_dir / LABEL_CONFIG),
        'start the server with': serving + root,
        'before the import': 'add a storage "Local files" with the sub-folder of that root that holds the pictures',
    }


def _common_folder(paths: list[str]) -> Path:
    try:
        return Path(os.path.commonpath([os.path.dirname(path) for path in paths]))
    except ValueError as error:  # Windows
        raise InputError(f'Expected images on one drive, or a document root, but {error}.') from error


def _url(item: MaskItem, path: str, root: str, options: ExportOptions) -> str:
    if options.image_url is not None:
        return options.image_url + quote(item.name)
    relative = path_below(path, root)
    if relative.split('/')[0] == os.pardir or os.path.isabs(relative):
        raise InputError(f'Expected images inside the document root {root}, but got {path}.')
    if '/' not in relative:
        raise InputError(
            f'Expected images in a sub-folder of the document root {root}, which the server asks for, but got {path}.'
        )
    return LOCAL_FILES + quote(relative)


def _task(folder: MaskFolder, item: MaskItem, names: Mapping[int, str], url: str) -> dict[str, Any]:
    prediction = {
        'model_version': f'mmwsss {__version__} {folder.run.get("config_hash", "")}'.strip(),
        'score': max(item.record.raw_max.values(), default=0.0),
        'result': encode_result(item.mask(), names),
    }
    return {'data': {'image': url, 'mmwsss_path': item.name}, 'predictions': [prediction]}


def read(source: Path, folder: MaskFolder, options: ExportOptions) -> Iterator[Correction]:
    """Masks of the tasks that a person finished, of an export of the type JSON.

    Tasks without an annotation, and cancelled annotations, are passed over. Of several annotations of a task the one
    marked as ground truth counts, else the newest.

    Args:
        source: The JSON file.
        folder: The folder that was exported.
        options: None of them counts.

    Raises:
        ValueError: If it is no such file, or an image, a class or a size is unknown.
    """
    source = source / TASKS if source.is_dir() else source
    tasks = read_json(source)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) and 'data' in task for task in tasks):
        raise InputError(f'Expected a list of tasks (the export "JSON") in {source}, but got {str(tasks)[:60]!r}.')
    for task in tasks:
        done = [row for row in task.get('annotations') or [] if not row.get('was_cancelled')]
        if not done:
            continue
        chosen = max(done, key=lambda row: (bool(row.get('ground_truth')), str(row.get('updated_at') or '')))
        item = folder.find(task['data'].get('mmwsss_path', ''), source)
        mask = decode_result(chosen.get('result') or [], item.size(), folder, f'{source}, {item.name}')
        origins = sorted({region['origin'] for region in chosen.get('result') or [] if 'origin' in region})
        yield Correction(item, mask, provenance={'origin': origins} if origins else {})
