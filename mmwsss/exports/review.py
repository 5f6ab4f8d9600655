"""What the page of ``mmwsss review`` downloads: ``corrections.json``, read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mmwsss.exports.mask_folder import Correction, MaskFolder
from mmwsss.exports.options import ExportOptions
from mmwsss.exports.runs import runs_of
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import read_json

KIND = 'mmwsss-review'
VERDICTS = {'accept': None, 'reject': 'rejected in the review', 'wrong_label': 'wrong label'}
"""Verdicts of the page, and why the image is not to be used."""


def encode_runs(mask: np.ndarray) -> list[int]:
    """A mask, uint8 (H, W), as value, length, value, length, ... row by row."""
    values, lengths = runs_of(mask.ravel())
    return np.stack([values.astype(np.int64), lengths], 1).ravel().tolist()


def decode_runs(runs: list[int], size: tuple[int, int]) -> np.ndarray:
    """The mask of :func:`encode_runs`, uint8 (H, W).

    Raises:
        ValueError: If the runs do not add up to the size, or a value is no pixel value.
    """
    pairs = np.asarray(runs, np.int64).reshape(-1, 2) if len(runs) % 2 == 0 else np.full((1, 2), -1)
    values, lengths = pairs.T
    if (lengths < 0).any() or lengths.sum() != size[0] * size[1]:
        raise InputError(f'Expected runs of {size[0] * size[1]} pixels, but got {int(lengths.clip(0).sum())}.')
    if ((values < 0) | (values > np.iinfo(np.uint8).max)).any():
        raise InputError(f'Expected pixel values in [0, 255], but got {int(values.min())} to {int(values.max())}.')
    return np.repeat(values.astype(np.uint8), lengths).reshape(size)


def read(source: Path, folder: MaskFolder, options: ExportOptions) -> Iterator[Correction]:
    """Verdicts and masks of a review.

    Args:
        source: The downloaded JSON.
        folder: The folder that was reviewed.
        options: None of them counts.

    Raises:
        ValueError: If it is no such file, an image, verdict or class is unknown, or a mask was made anew after the page
            was written.
    """
    content = read_json(source)
    if not isinstance(content, dict) or content.get('kind') != KIND:
        raise InputError(f'Expected a download of the review page (kind {KIND!r}) in {source}.')
    if content['classes'] != list(folder.classes):
        raise InputError(f'Expected the classes {list(folder.classes)} in {source}, but got {content["classes"]}.')
    for row in content['images']:
        yield _correction(row, folder, source)


def _correction(row: dict[str, Any], folder: MaskFolder, source: Path) -> Correction:
    item, verdict = folder.find(row['name'], source), row.get('verdict')
    if verdict not in VERDICTS:
        raise InputError(f'Expected a verdict of {list(VERDICTS)} for {item.name} in {source}, but got {verdict!r}.')
    if row.get('checksum') != item.record.checksum:
        raise InputError(
            f'Expected the mask of {item.name} that the page showed (checksum {row.get("checksum")}), but the one in '
            f'{folder.path} is another by now ({item.record.checksum}). Write the page anew, review that image again.'
        )
    provenance = {'verdict': verdict, 'seconds': row.get('seconds')}
    if VERDICTS[verdict] is not None:
        return Correction(item, None, VERDICTS[verdict], provenance)
    if 'runs' not in row:  # accepted as it was
        return Correction(item, item.mask(), provenance=provenance)
    try:
        mask = decode_runs(row['runs'], item.size())
    except ValueError as error:
        raise InputError(f'In {source}, {item.name}: {error}') from error
    unknown = sorted(set(np.unique(mask).tolist()) - {0, *folder.values.values()})
    if unknown:
        raise InputError(f'Expected pixel values of the classes in {source}, {item.name}, but got {unknown}.')
    return Correction(item, mask, provenance=provenance)
