"""COCO 2014 with image-level labels and semantic masks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmwsss.datasets.converters.coco_masks import decode_segmentation
from mmwsss.datasets.metainfo import png_palette
from mmwsss.utils.files import atomic_write, read_json, write_json
from mmwsss.utils.progress import Progress

SIZES = {'train2014': 82783, 'val2014': 40504}
"""Images of the splits of COCO 2014; about a thousand of them show no listed class."""


def semantic_mask(
    annotations: Sequence[Mapping[str, Any]], height: int, width: int, index: Mapping[int, int]
) -> np.ndarray:
    """One label a pixel: where instances overlap the smaller one is on top; crowds count as their class.

    Args:
        annotations: COCO instances of one image.
        height: H.
        width: W.
        index: Class number (from 0) by category id.

    Returns:
        np.ndarray: uint8 (H, W), 0 background, k + 1 class k.
    """
    mask = np.zeros((height, width), np.uint8)
    for annotation in sorted(annotations, key=lambda entry: -entry.get('area', 0)):
        part = decode_segmentation(annotation['segmentation'], height, width)
        if part is not None:
            mask[part] = index[annotation['category_id']] + 1
    return mask


def convert_coco(root: str | Path, out_dir: str | Path, split: str = 'train2014', masks: bool = True) -> dict[str, Any]:
    """Write ``annotations/<split>.json``, and ``ann_dir/<split>/*.png``; pictures stay where they are.

    Images without any listed class are kept: they are negatives. A second call writes only the masks that are missing.

    Args:
        root: COCO with ``annotations/instances_<split>.json`` and a folder ``<split>`` (or ``images/<split>``).
        out_dir: Output folder.
        split: ``'train2014'``, ``'val2014'``, or another split of the same layout.
        masks: Whether to write masks.

    Returns:
        dict: ``images``, ``expected``, ``negatives``, ``classes``, ``missing`` (pictures), ``per_class``.

    Raises:
        FileNotFoundError: If the instances or the pictures' folder are missing.
    """
    root, out_dir = Path(root), Path(out_dir)
    path = root / 'annotations' / f'instances_{split}.json'
    if not path.is_file():
        raise FileNotFoundError(f'Expected COCO instances in {path}, but there is no such file.')
    folder = next((place for place in (root / split, root / 'images' / split) if place.is_dir()), None)
    if folder is None:
        raise FileNotFoundError(f'Expected a folder of pictures {root / split} or {root / "images" / split}.')
    content = read_json(path)
    categories = sorted(content['categories'], key=lambda category: category['id'])
    index = {category['id']: number for number, category in enumerate(categories)}
    names = [category['name'] for category in categories]
    by_image = defaultdict(list)
    for annotation in content['annotations']:
        by_image[annotation['image_id']].append(annotation)
    entries, missing, counts = [], [], dict.fromkeys(names, 0)
    colours = png_palette(len(names))
    with Progress(len(content['images']), 'images') as progress:
        for image in sorted(content['images'], key=lambda entry: entry['id']):
            progress.update()
            if not (folder / image['file_name']).is_file():
                missing.append(image['file_name'])
                continue
            labels = sorted({index[entry['category_id']] for entry in by_image[image['id']]})
            for label in labels:
                counts[names[label]] += 1
            entries.append({'img_path': image['file_name'], 'gt_label': labels})
            target = out_dir / 'ann_dir' / split / f'{Path(image["file_name"]).stem}.png'
            if masks and not target.exists():
                mask = Image.fromarray(semantic_mask(by_image[image['id']], image['height'], image['width'], index))
                mask.putpalette(colours)
                with atomic_write(target, 'wb') as handle:
                    mask.save(handle, format='PNG')
    if entries and not missing:
        write_json(out_dir / 'annotations' / f'{split}.json', {'metainfo': {'classes': names}, 'data_list': entries})
    return {
        'images': len(entries),
        'expected': SIZES.get(split),
        'negatives': sum(not entry['gt_label'] for entry in entries),
        'classes': len(names),
        'missing': missing,
        'per_class': counts,
    }
