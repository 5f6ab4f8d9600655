"""PASCAL VOC's folders: indexed PNGs, which MMSegmentation's ``BaseSegDataset`` reads as well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mmwsss.datasets.metainfo import BACKGROUND, IGNORE_LABEL, palette, segmentation_classes
from mmwsss.datasets.pictures import BadPictureError, read_mask
from mmwsss.exports.mask_folder import Correction, MaskFolder, write_mask
from mmwsss.exports.options import ExportOptions, place_picture
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import atomic_write

LABEL_MAP = 'labelmap.txt'


def write(folder: MaskFolder, out_dir: Path, options: ExportOptions) -> dict[str, Any]:
    """Write ``SegmentationClass/``, ``ImageSets/Segmentation/<split>.txt``, ``labelmap.txt`` and ``JPEGImages/``."""
    suffixes = set()
    for item in folder.items:
        write_mask(out_dir / 'SegmentationClass' / item.mask_name, item.mask(), len(folder.classes))
        suffixes.add(Path(item.img_path).suffix)
        picture = out_dir / 'JPEGImages' / (item.stem + Path(item.img_path).suffix)
        place_picture(item.img_path, picture, options.images or 'link')
    with atomic_write(out_dir / 'ImageSets' / 'Segmentation' / f'{options.split}.txt') as handle:
        handle.write(''.join(f'{item.stem}\n' for item in folder.items))
    with atomic_write(out_dir / LABEL_MAP) as handle:
        handle.write('# label:color_rgb:parts:actions\n')
        for name, colour in zip(segmentation_classes(folder.classes), palette(len(folder.classes))):
            handle.write(f'{name}:{",".join(map(str, colour))}::\n')
    return {
        'images': len(folder.items),
        'image suffixes (BaseSegDataset takes one)': ' '.join(sorted(suffixes)),
        'file': str(out_dir / 'SegmentationClass'),
    }


def _values(source: Path, folder: MaskFolder) -> np.ndarray:
    """Our pixel value by theirs; 0 where the label map names none."""
    path = source / LABEL_MAP
    if not path.is_file():  # then the values are ours
        return np.arange(IGNORE_LABEL + 1, dtype=np.uint8)
    lines = path.read_text(encoding='utf-8').splitlines()
    names = [line.rsplit(':', 3)[0] for line in lines if line.strip() and not line.startswith('#')]
    table = np.zeros(IGNORE_LABEL + 1, np.uint8)
    table[IGNORE_LABEL] = IGNORE_LABEL
    for value, name in enumerate(names):
        table[value] = 0 if name == BACKGROUND else folder.value_of(name, path)
    return table


def read(source: Path, folder: MaskFolder, options: ExportOptions) -> Iterator[Correction]:
    """Masks below ``SegmentationClass/`` of the images that the folder has.

    Args:
        source: Folder in VOC's layout, or a folder of masks named as ours.
        folder: The folder that was exported.
        options: None of them counts.

    Raises:
        FileNotFoundError: If there is no mask.
        ValueError: If a mask is of no image of the folder, or has a value without a class.
    """
    root = source / 'SegmentationClass'
    root = root if root.is_dir() else source
    table = _values(source, folder)
    by_name = {item.mask_name: item for item in folder.items}
    paths = sorted(root.rglob('*.png'))
    if not paths:
        raise MissingFileError(f'Expected masks (PNG) below {root}, but there are none.')
    for path in paths:
        name = path.relative_to(root).as_posix()
        if name not in by_name:
            raise InputError(f'Expected a mask of an image of {folder.path}, but got {path}.')
        try:
            mask = table[read_mask(path)]
        except BadPictureError as error:
            raise InputError(str(error)) from error
        known = (mask <= len(folder.classes)) | (mask == IGNORE_LABEL)
        if not known.all():
            bad = sorted(set(mask[~known].tolist()))
            raise InputError(
                f'Expected pixel values up to {len(folder.classes)} or the ignore label in {path}, but got {bad}.'
            )
        yield Correction(by_name[name], mask)
