"""Raw maps that ``make_pseudo`` kept, and what they say about a mask without any truth."""

from __future__ import annotations

import cv2
import numpy as np

from mmwsss.exports.mask_folder import MaskFolder, MaskItem
from mmwsss.utils.errors import InputError

DOUBT_BAND = 0.1
"""How near to the threshold a pixel's map value may lie to count as undecided; half of the room at a side at most."""


def read_maps(folder: MaskFolder, item: MaskItem) -> list[tuple[int, np.ndarray]]:
    """Maps of the classes of one image.

    Args:
        folder: The folder, with ``cams/`` where ``save_cam`` was set.
        item: The image.

    Returns:
        list: pairs of a pixel value and a map, float32 (h, w) in [0, 1]; empty where none were kept.

    Raises:
        ValueError: If the file is no file of maps; names it.
    """
    path = (folder.path / 'cams' / item.mask_name).with_suffix('.npz')
    if not path.is_file():
        return []
    try:
        with np.load(path, allow_pickle=False) as data:
            maps = data['cam'].astype(np.float32)
            if 'classes' in data:  # one map for each class of the image
                return [(int(k) + 1, row) for k, row in zip(data['classes'], maps)]
            return [(int(k) + 1, maps[k]) for k in data['labels']]  # one map for each class of the run
    except (KeyError, IndexError, ValueError, EOFError, OSError) as error:
        raise InputError(f'Expected kept maps (cam and classes) in {path}, but {error}') from error


def shrink(array: np.ndarray, longer_side: int) -> np.ndarray:
    """An array (h, w) or (h, w, 3) whose longer side is at most a number of pixels; areas are averaged."""
    factor = longer_side / max(array.shape[:2])
    if factor >= 1:
        return array
    size = [max(round(side * factor), 1) for side in array.shape[1::-1]]
    return cv2.resize(array, size, interpolation=cv2.INTER_AREA)


def doubt(maps: list[tuple[int, np.ndarray]], threshold: float) -> float | None:
    """How undecided maps are: of what could be a class, the share that lies close to the threshold.

    It needs no ground truth: 0 where every pixel is clearly in or out, 1 where all that could be in is undecided.

    Args:
        maps: As :func:`read_maps` gives.
        threshold: In [0, 1].

    Returns:
        float | None: in [0, 1]; None without maps.
    """
    if not maps:
        return None
    highest = np.max([row for _, row in maps], axis=0)
    could_be = highest > threshold - min(DOUBT_BAND, threshold / 2)
    undecided = could_be & (highest < threshold + min(DOUBT_BAND, (1 - threshold) / 2))
    return float(undecided.sum() / could_be.sum()) if could_be.any() else 1.0
