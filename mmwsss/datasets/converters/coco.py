"""COCO 2014 with image-level labels and semantic masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmwsss.datasets.converters.coco_file import ONLY_UNKNOWN, CocoFile, size_of
from mmwsss.datasets.converters.coco_masks import decode_segmentation
from mmwsss.datasets.data_report import left_out_of
from mmwsss.datasets.metainfo import IGNORE_LABEL, png_palette
from mmwsss.datasets.picture_files import BadPictureError
from mmwsss.datasets.pictures import read_header
from mmwsss.structures import mask_names
from mmwsss.utils.errors import MissingFileError
from mmwsss.utils.files import atomic_write, write_json
from mmwsss.utils.progress import Progress

SIZES = {'train2014': 82783, 'val2014': 40504}
"""Images of the splits of COCO 2014; about a thousand of them show no listed class."""

_OTHER_SIZE = 'masks of pictures of another size than the file says'


def semantic_mask(
    annotations: Sequence[Mapping[str, Any]],
    height: int,
    width: int,
    index: Mapping[int, int],
    file: CocoFile | None = None,
) -> np.ndarray:
    """One label a pixel: where instances overlap the smaller one is on top; crowds count as their class.

    Where an annotation has a box and no segmentation that can be read, what nothing else covers is ignored.

    Args:
        annotations: COCO instances of one image.
        height: H.
        width: W.
        index: Class number (from 0) by category id.
        file: Counts segmentations that cannot be used; without it they are errors.

    Returns:
        np.ndarray: uint8 (H, W), 0 background, k + 1 class k, and the ignore label.
    """
    mask = np.zeros((height, width), np.uint8)
    unsure = np.zeros((height, width), bool)
    parts = []
    for annotation in annotations:
        if file is None:
            part = decode_segmentation(annotation['segmentation'], height, width)
        else:
            part, box = file.region(annotation, height, width)
            unsure |= False if box is None else box
        if part is not None:
            area = annotation.get('area')
            area = float(area) if isinstance(area, (int, float)) and area > 0 else float(part.sum())
            parts.append((-area, part, index[annotation['category_id']] + 1))
    for _, part, label in sorted(parts, key=lambda found: found[0]):
        mask[part] = label
    mask[unsure & (mask == 0)] = IGNORE_LABEL
    return mask


def convert_coco(root: str | Path, out_dir: str | Path, split: str = 'train2014', masks: bool = True) -> dict[str, Any]:
    """Write ``annotations/<split>.json``, and ``ann_dir/<split>/*.png``; pictures stay where they are.

    Images without any listed class are kept: they are negatives. Images whose annotations all name categories that are
    not listed are left out, because nobody knows what they show. Masks have the sub-folders of their pictures. A second
    call writes only the masks that are missing.

    Args:
        root: COCO with ``annotations/instances_<split>.json`` and a folder ``<split>`` (or ``images/<split>``).
        out_dir: Output folder.
        split: ``'train2014'``, ``'val2014'``, or another split of the same layout.
        masks: Whether to write masks.

    Returns:
        dict: ``images``, ``expected``, ``negatives``, ``classes``, ``missing`` (pictures), ``per_class``, and
        ``left_out``: ``count`` and ``first`` entry by reason.

    Raises:
        FileNotFoundError: If the instances or the pictures' folder are missing.
        ValueError: If the file is no COCO file; names file and entry.
    """
    root, out_dir = Path(root), Path(out_dir)
    path = root / 'annotations' / f'instances_{split}.json'
    if not path.is_file():
        raise MissingFileError(f'Expected COCO instances in {path}, but there is no such file.')
    folder = next((place for place in (root / split, root / 'images' / split) if place.is_dir()), None)
    if folder is None:
        raise MissingFileError(f'Expected a folder of pictures {root / split} or {root / "images" / split}.')
    file = CocoFile.read(path)
    index = {category['id']: number for number, category in enumerate(file.categories)}
    names = [category['name'] for category in file.categories]
    targets = mask_names([str(folder / image['file_name']) for image in file.images], folder)
    entries, missing, counts = [], [], dict.fromkeys(names, 0)
    with Progress(len(file.images), 'images') as progress:
        for image, target in zip(file.images, targets):
            progress.update()
            if not (folder / image['file_name']).is_file():
                missing.append(image['file_name'])
                continue
            if image['id'] in file.only_unknown:
                file.leave(ONLY_UNKNOWN, image['file_name'])
                continue
            labels = sorted({index[entry['category_id']] for entry in file.annotations.get(image['id'], [])})
            for label in labels:
                counts[names[label]] += 1
            entries.append({'img_path': image['file_name'], 'gt_label': labels})
            place = out_dir / 'ann_dir' / split / str(target)
            if masks and not place.exists():
                _write_mask(file, image, folder, place, index)
    if entries and not missing:
        write_json(out_dir / 'annotations' / f'{split}.json', {'metainfo': {'classes': names}, 'data_list': entries})
    return {
        'images': len(entries),
        'expected': SIZES.get(split),
        'negatives': sum(not entry['gt_label'] for entry in entries),
        'classes': len(names),
        'missing': missing,
        'per_class': counts,
        'left_out': left_out_of(Counter(file.left_out), file.examples),
    }


def _write_mask(file: CocoFile, image: Mapping[str, Any], folder: Path, target: Path, index: Mapping[int, int]) -> None:
    """Draw and write a mask; one that would not fit its picture is counted."""
    try:
        header = read_header(folder / image['file_name'])
    except BadPictureError as error:
        file.leave('masks of pictures that cannot be read', str(error))
        return
    size = size_of(image) or (header.height, header.width)
    if size != (header.height, header.width):
        file.leave(_OTHER_SIZE, f'{image["file_name"]}: {size} and {(header.height, header.width)} (H, W)')
        return
    mask = Image.fromarray(semantic_mask(file.annotations.get(image['id'], []), *size, index, file))
    mask.putpalette(png_palette(len(file.categories)))
    with atomic_write(target, 'wb') as handle:
        mask.save(handle, format='PNG')
