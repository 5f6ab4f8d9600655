"""CVAT's XML, "CVAT for images 1.1".

One ``mask`` element for each class of an image: run lengths, row by row inside a box, the first run of zeros. A region
with a higher ``z_order`` lies over the others. Source: https://docs.cvat.ai/docs/manual/advanced/xml_format/.
"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mmwsss.exports.mask_folder import IGNORE_NAME, Correction, MaskFolder
from mmwsss.exports.options import ExportOptions, place_picture, regions_of
from mmwsss.exports.outlines import fill
from mmwsss.exports.runs import counts_from_zeros
from mmwsss.structures.run_lengths import from_counts
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import atomic_write

FILE = 'annotations.xml'


def encode_mask(mask: np.ndarray) -> dict[str, str]:
    """Attributes ``rle``, ``left``, ``top``, ``width``, ``height`` of a binary mask, bool (H, W), with some pixel."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    counts = counts_from_zeros(mask[top:bottom, left:right].ravel())
    return {
        'rle': ', '.join(map(str, counts)),
        'left': str(left),
        'top': str(top),
        'width': str(right - left),
        'height': str(bottom - top),
    }


def decode_mask(attributes: dict[str, str], size: tuple[int, int]) -> np.ndarray:
    """The binary mask of a ``mask`` element, bool (H, W).

    Args:
        attributes: As :func:`encode_mask` gives; the box need not be tight.
        size: Height and width.

    Raises:
        ValueError: If the run lengths do not fill the box, or it leaves the picture.
    """
    left, top, width, height = (int(float(attributes[key])) for key in ('left', 'top', 'width', 'height'))
    if left < 0 or top < 0 or left + width > size[1] or top + height > size[0]:
        raise InputError(f'Expected a box inside {size} (H, W), but got {left, top, width, height} (x, y, w, h).')
    counts = [int(word) for word in attributes['rle'].replace(',', ' ').split()]
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = from_counts(counts, width * height).reshape(height, width)
    return mask


def _decode_shape(element: ET.Element, size: tuple[int, int]) -> np.ndarray:
    attributes = element.attrib
    if element.tag == 'mask':
        return decode_mask(attributes, size)
    if element.tag == 'box':
        x0, y0, x1, y1 = (float(attributes[key]) for key in ('xtl', 'ytl', 'xbr', 'ybr'))
        return fill([np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])], size)
    if element.tag == 'polygon':
        return fill([np.array([pair.split(',') for pair in attributes['points'].split(';')], np.float64)], size)
    raise InputError(f'Expected a mask, a polygon or a box, but got a {element.tag}.')


def _meta(root: ET.Element, folder: MaskFolder) -> None:
    task = ET.SubElement(ET.SubElement(root, 'meta'), 'task')
    values = {
        'name': folder.path.name,
        'size': str(len(folder.items)),
        'mode': 'annotation',
        'start_frame': '0',
        'stop_frame': str(len(folder.items) - 1),
    }
    for key, value in values.items():
        ET.SubElement(task, key).text = value
    labels = ET.SubElement(task, 'labels')
    for name, colour in folder.colours.items():
        label = ET.SubElement(labels, 'label')
        for key, value in {'name': name, 'color': colour, 'type': 'any', 'attributes': ''}.items():
            ET.SubElement(label, key).text = value


def write(folder: MaskFolder, out_dir: Path, options: ExportOptions) -> dict[str, Any]:
    """Write ``annotations.xml`` for a task that has the pictures, and where it is wished ``images/``."""
    root = ET.Element('annotations')
    ET.SubElement(root, 'version').text = '1.1'
    _meta(root, folder)
    names = {value: name for name, value in folder.values.items()}
    count = 0
    for number, item in enumerate(folder.items):
        mask = item.mask()
        place_picture(item.img_path, out_dir / 'images' / item.name, options.images or 'none')
        size = {'width': str(mask.shape[1]), 'height': str(mask.shape[0])}
        image = ET.SubElement(root, 'image', {'id': str(number), 'name': item.name, **size})
        for value, region in regions_of(mask):
            attributes = {'label': names[value], 'source': 'auto', 'occluded': '0'}
            ET.SubElement(image, 'mask', {**attributes, **encode_mask(region), 'z_order': '0'})
            count += 1
    ET.indent(root)
    buffer = io.BytesIO()
    ET.ElementTree(root).write(buffer, encoding='utf-8', xml_declaration=True)
    with atomic_write(out_dir / FILE, 'wb') as handle:
        handle.write(buffer.getvalue())
    return {'images': len(folder.items), 'masks': count, 'file': str(out_dir / FILE), 'label of ignored': IGNORE_NAME}


def _root(source: Path) -> ET.Element:
    source = source / FILE if source.is_dir() else source
    try:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                return ET.fromstring(archive.read(FILE))
        return ET.parse(source).getroot()
    except (ET.ParseError, KeyError) as error:
        raise InputError(f'Expected CVAT annotations (XML, or a zip with {FILE}) in {source}, but {error}') from error


def read(source: Path, folder: MaskFolder, options: ExportOptions) -> Iterator[Correction]:
    """Masks of the images of a CVAT file.

    Args:
        source: The XML, a zip or a folder with ``annotations.xml``.
        folder: The folder that was exported.
        options: ``empty`` counts.

    Raises:
        ValueError: If an image, a class, a shape or a size is unknown; names it.
    """
    for image in _root(source).iter('image'):
        item = folder.find(image.get('name', ''), source)
        size, there = item.size(), (int(image.get('height', 0)), int(image.get('width', 0)))
        if there != size:
            raise InputError(f'Expected the size {size} (H, W) of {item.name} in {source}, but got {there}.')
        shapes = [shape for shape in image if shape.tag != 'tag']
        if not shapes and options.empty == 'skip':
            continue
        mask = np.zeros(size, np.uint8)
        for shape in sorted(shapes, key=lambda shape: int(shape.get('z_order', 0))):
            try:
                mask[_decode_shape(shape, size)] = folder.value_of(shape.get('label', ''), source)
            except (KeyError, ValueError) as error:
                raise InputError(f'In {source}, {item.name}: {error}') from error
        yield Correction(item, mask)
