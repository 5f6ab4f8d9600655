"""The page in which a person looks through masks, mends them and judges them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmwsss.datasets.metainfo import png_palette
from mmwsss.datasets.pictures import read_picture
from mmwsss.evaluation import expected_dice
from mmwsss.exports.mask_folder import MaskFolder, MaskItem
from mmwsss.exports.review import encode_runs
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import content_hash
from mmwsss.visualization.kept_maps import doubt, read_maps, shrink
from mmwsss.visualization.page import data_address, grey_address, write_page

_PICTURE_SIDE, _MAP_SIDE, _QUALITY = 768, 128, 82
ORDERS = ('doubt', 'dice', 'manifest')


def write_review(
    masks: str | Path,
    path: str | Path,
    limit: int = 100,
    order: str = 'doubt',
    threshold: float = 0.3,
    positives_only: bool = False,
) -> dict[str, Any]:
    """Write the review page of a folder of masks: one HTML file that works from disk and sends nothing anywhere.

    Args:
        masks: Folder of ``make_pseudo`` or ``predict``; with ``save_cam``, or ``--outputs maps``, it holds maps, and
            the page a threshold to move.
        path: The HTML file.
        limit: Images on the page at most.
        order: ``'doubt'`` puts those first whose maps are least decided at the threshold, which needs no ground truth;
            ``'dice'`` those whose masks look worst by their maps (:func:`~mmwsss.evaluation.expected_dice`), likewise
            without any; ``'manifest'`` keeps the order of the run.
        threshold: Where the page's threshold stands at first, in [0, 1].
        positives_only: Leave out images without a class.

    Returns:
        dict: ``images`` on the page, of how many ``available`` ones, how many ``with_maps``, ``bytes`` of the file.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If an argument is out of its range, a picture cannot be read or is of another size than its mask.
    """
    if limit < 1:
        raise InputError(f'Expected limit >= 1, but got {limit}.')
    if order not in ORDERS:
        raise InputError(f'Expected an order of {list(ORDERS)}, but got {order!r}.')
    if not 0 <= threshold <= 1:
        raise InputError(f'Expected threshold in [0, 1], but got {threshold}.')
    folder = MaskFolder(masks)
    items = [item for item in folder.items if item.record.labels or not positives_only]
    if not items:
        raise InputError(f'Expected an image with a class in {masks}, but there is none.')
    chosen = _ordered(folder, items, order, threshold)[:limit]
    images = [_image(folder, item) for item in chosen]
    colours = png_palette(len(folder.classes))
    data = {
        'run': content_hash([str(folder.path.absolute()), [(item.name, item.record.checksum) for item in chosen]]),
        'classes': list(folder.classes),
        'values': [{'name': name, 'value': value} for name, value in folder.values.items()],
        'colours': [list(colours[3 * value : 3 * value + 3]) for value in range(256)],
        'images': images,
    }
    styles, scripts = ('page.css', 'review.css'), ('maps.js', 'review.js')
    write_page(
        path, 'review.html', data, styles, scripts, title=folder.path.name, folder=str(masks), threshold=threshold
    )
    with_maps = sum(bool(image['maps']) for image in images)
    return {'images': len(images), 'available': len(items), 'with_maps': with_maps, 'bytes': Path(path).stat().st_size}


def _ordered(folder: MaskFolder, items: list[MaskItem], order: str, threshold: float) -> list[MaskItem]:
    if order == 'manifest':
        return items
    worst_first = {item.name: _suspicion(folder, item, order, threshold) for item in items}
    return sorted(items, key=lambda item: -worst_first[item.name])  # stable: without maps as in the manifest


def _suspicion(folder: MaskFolder, item: MaskItem, order: str, threshold: float) -> float:
    """In [0, 1], how much a mask is to be looked at; 0 without maps."""
    maps = read_maps(folder, item)
    if order == 'dice':
        return 1 - expected_dice(item.mask(), maps) if maps else 0.0
    return doubt(maps, threshold) or 0.0


def _image(folder: MaskFolder, item: MaskItem) -> dict[str, Any]:
    mask, picture = item.mask(), read_picture(item.img_path)
    if picture.shape[:2] != mask.shape:
        raise InputError(f'Expected a picture of {mask.shape} (H, W) in {item.img_path}, but got {picture.shape[:2]}.')
    return {
        'name': item.name,
        'checksum': item.record.checksum,
        'labels': item.record.labels,
        'width': mask.shape[1],
        'height': mask.shape[0],
        'picture': data_address(shrink(picture, _PICTURE_SIDE), _QUALITY),
        'runs': encode_runs(mask),
        'maps': [
            {'value': value, 'png': grey_address(shrink(row, _MAP_SIDE))} for value, row in read_maps(folder, item)
        ],
    }
