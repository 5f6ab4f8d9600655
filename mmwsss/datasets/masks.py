"""Masks for evaluation: pixel values as classes, whatever values a tool has given them.

A mask has 0 for background, k + 1 for class k and the ignore label. Masks with other values are read by
``mask_values``:

* a mapping from the value in the file to the value that is meant: ``{255: 1}``; 0 stays 0 if it is not in it. The key
  ``'other'`` says what becomes of values that are not in the mapping: ``'error'`` (the default) or ``'ignore'`` (soft
  edges);
* or a list of the values in the file in the order of the classes, background first: ``[0, 255]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.datasets.picture_files import BadPictureError, open_picture, reason_of
from mmwsss.utils.errors import InputError

OTHER = 'other'
_NAMED = 8


def parse_mask_values(given: Mapping[Any, Any] | Sequence[int] | None, num_classes: int) -> dict[Any, Any] | None:
    """``mask_values`` as a mapping of integers, with the key ``'other'``; None stays None.

    Args:
        given: See the module.
        num_classes: Number of foreground classes K.

    Raises:
        ValueError: If a value is no integer, or means neither a class nor the ignore label.
    """
    if given is None:
        return None
    if isinstance(given, (str, bytes)) or not isinstance(given, (Mapping, Sequence)):
        raise InputError(
            f'Expected mask_values as a mapping such as {{255: 1}} or a list of values, but got {given!r}.'
        )
    pairs = dict(given) if isinstance(given, Mapping) else {value: index for index, value in enumerate(given)}
    other = pairs.pop(OTHER, 'error')
    if other not in ('error', 'ignore'):
        raise InputError(f"Expected 'error' or 'ignore' for {OTHER!r} in mask_values, but got {other!r}.")
    try:
        values: dict[Any, Any] = {int(key): int(value) for key, value in pairs.items()}
    except (TypeError, ValueError) as error:
        raise InputError(f'Expected integers in mask_values, but got {given!r}.') from error
    for value in values.values():
        if not 0 <= value <= num_classes and value != IGNORE_LABEL:
            raise InputError(
                f'Expected mask_values to mean 0 to {num_classes} or {IGNORE_LABEL} (ignored), but got {value}.'
            )
    return {0: 0, **values, OTHER: other}


def read_mask(
    path: str | Path, mask_values: Mapping[Any, Any] | None = None, num_classes: int | None = None
) -> np.ndarray:
    """Read a label mask as uint8 (H, W): the indices of a palette PNG or the values of a grey one.

    Args:
        path: The file.
        mask_values: From :func:`parse_mask_values`; None takes the values as they are.
        num_classes: Number of foreground classes K, to check the values; None does not check them.

    Raises:
        BadPictureError: If the file cannot be read, has colours instead of indices, or other values; names it, what
            it has, and how to read it.
    """
    raw = raw_mask(path)
    if mask_values is not None:
        return _mapped(raw, mask_values, path)
    if num_classes is not None:
        _check_values(raw, num_classes, path)
    elif raw.size and not 0 <= raw.min() <= raw.max() <= IGNORE_LABEL:
        raise BadPictureError(f'Expected values in [0, {IGNORE_LABEL}] in the mask {path}, but got {found(raw)}.')
    return raw.astype(np.uint8)


def raw_mask(path: str | Path) -> np.ndarray:
    """The values of a mask as the file has them, integer (H, W).

    Raises:
        BadPictureError: If the file cannot be read or has colours.
    """
    with open_picture(path) as image:
        mode = image.mode
        try:
            values = np.asarray(image)
        except Exception as error:  # whatever broken bytes lead a decoder to
            raise BadPictureError(f'Cannot read the mask {path}: {reason_of(error)}.') from error
    if mode == '1':
        return values.astype(np.uint8)
    if (
        values.ndim == 3
        and mode in ('RGB', 'RGBA', 'LA')
        and (values[..., :3] == values[..., :1]).all()
        or mode == 'LA'
    ):
        return values[..., 0]  # grey that was saved as colours
    if values.ndim != 2 or values.dtype.kind not in 'iu':
        raise BadPictureError(
            f'Expected an indexed or grey mask (one channel of 8 bits) in {path}, but got mode {mode}.'
        )
    return values


def found(values: np.ndarray) -> str:
    """The values of a mask for a message: the first few, and how many there are."""
    unique = np.unique(values).tolist()
    more = f', ... ({len(unique)} values)' if len(unique) > _NAMED else ''
    return ', '.join(map(str, unique[:_NAMED])) + more


def advice(values: np.ndarray, num_classes: int) -> str:
    """The ``mask_values`` that probably reads such masks."""
    unique = [int(value) for value in np.unique(values) if value]
    if len(unique) <= num_classes:
        return f'mask_values={ {value: number for number, value in enumerate(unique, 1)} }'
    if num_classes == 1:
        return f'mask_values={ {unique[-1]: 1, OTHER: "ignore"} }'
    return "mask_values={value: class, ...} with 'other': 'ignore' for values between"


def _check_values(raw: np.ndarray, num_classes: int, path: str | Path) -> None:
    if raw.dtype == np.uint8:  # the usual case, without a sort
        counts = np.bincount(raw.ravel(), minlength=256)
        odd = bool(counts[num_classes + 1 : IGNORE_LABEL].any())
    else:
        odd = bool(((raw < 0) | (raw > num_classes) & (raw != IGNORE_LABEL)).any())
    if odd:
        raise BadPictureError(
            f'Expected values in [0, {num_classes}] or {IGNORE_LABEL} (ignored) in the mask {path}, '
            f'but got {found(raw)}. '
            f'Say how they are to be read, for example {advice(raw, num_classes)}.'
        )


def _mapped(raw: np.ndarray, mask_values: Mapping[Any, Any], path: str | Path) -> np.ndarray:
    mask = np.full(raw.shape, IGNORE_LABEL, np.uint8)
    known = np.zeros(raw.shape, bool)
    for value, meaning in mask_values.items():
        if value != OTHER:
            here = raw == value
            mask[here] = meaning
            known |= here
    if mask_values.get(OTHER) == 'error' and not known.all():
        listed = [value for value in mask_values if value != OTHER]
        raise BadPictureError(
            f'Expected the values {listed} of mask_values in the mask {path}, but got {found(raw)}. Add them, or '
            f"'other': 'ignore' to leave them out of the figures."
        )
    return mask


def truth_of(info: Mapping[str, Any], size: tuple[int, int] | None = None) -> np.ndarray | None:
    """The evaluation mask of an item of a data set, read as the data set says; None where it has none.

    Args:
        info: With ``gt_seg_map`` (generated), or ``seg_map_path``; ``gt_score`` (K,) tells the number of classes and
            ``mask_values`` how to read the values.
        size: Height and width of the image, to check the mask's.

    Returns:
        uint8 (H, W), 0 background, k + 1 class k, and the ignore label.

    Raises:
        BadPictureError: If the mask cannot be read, or has another size or other values; names it.
    """
    mask = info.get('gt_seg_map')
    path = info.get('seg_map_path')
    if mask is None:
        if path is None:
            return None
        score = info.get('gt_score')
        mask = read_mask(path, info.get('mask_values'), None if score is None else len(score))
    if size is not None and mask.shape != tuple(size):
        raise BadPictureError(f'Expected a mask of {tuple(size)} (H, W) in {path}, but got {mask.shape}.')
    return mask
