"""Masks that a person corrected, in the place of pseudo masks."""

from __future__ import annotations

import os.path as osp
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmwsss.structures import Manifest, ManifestRecord
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import read_json


def require_corrections(root: str | Path) -> Path:
    """The ``run.json`` of a folder of corrected masks.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    run_file = Path(root) / 'run.json'
    if not run_file.is_file():
        raise MissingFileError(
            f'Expected corrected masks in {root}, but there is no {run_file}. '
            'Make them with: mmwsss import SOURCE --format FORMAT --masks DIR --out DIR'
        )
    return run_file


def read_corrections(root: str | Path, classes: Sequence[str]) -> dict[str, ManifestRecord]:
    """Records of a folder that :func:`mmwsss.exports.import_masks` wrote, by image path.

    Args:
        root: The folder (``run.json``, ``manifest.jsonl``, ``masks/``).
        classes: Names that it must have, in their order.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has other classes, or a record is no correction.
    """
    there = read_json(require_corrections(root))['classes']
    if list(classes) != there:
        raise InputError(f'Expected corrected masks of the classes {list(classes)} in {root}, but got {there}.')
    records = Manifest(Path(root) / 'manifest.jsonl').read()
    for path, record in records.items():
        if record.status not in ('corrected', 'rejected'):
            raise InputError(f'Expected corrected masks in {root}, but {path} has the status {record.status!r}.')
    return records


def apply_corrections(
    data_list: Sequence[dict[str, Any]], root: str | Path, classes: Sequence[str], repeat: int = 1
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Let corrected masks win over pseudo masks.

    An image whose mask was corrected gets that mask, and an image that was rejected is left out. Corrected images are
    marked (``item['corrected']``) and, with ``repeat``, stand several times in an epoch.

    Args:
        data_list: Items of a segmentation data set (``img_path``, ``seg_map_path``), not changed.
        root: Folder of corrected masks.
        classes: Names of the K classes, without background.
        repeat: How often a corrected image is shown an epoch, at least 1.

    Returns:
        tuple: the items, and a dict of counts: images whose mask was ``corrected``, those among them whose mask is
        another now (``changed``), the share of their pixels that changed (``changed_share``, in [0, 1], mean over the
        corrected images), ``rejected`` images, and corrections of images that the list lacks (``unused``).

    Raises:
        FileNotFoundError: If there are no corrections.
        ValueError: If they have other classes, ``repeat`` is below 1, or no image would be left.
    """
    if repeat < 1:
        raise InputError(f'Expected repeat >= 1, but got {repeat}.')
    records = read_corrections(root, classes)
    kept: list[dict[str, Any]] = []
    used: list[ManifestRecord] = []
    for item in data_list:
        record = records.get(item['img_path'])
        if record is None:
            kept.append(item)
            continue
        used.append(record)
        if record.mask_path is not None:
            corrected = {**item, 'seg_map_path': osp.join(root, record.mask_path), 'corrected': True}
            kept += [dict(corrected) for _ in range(repeat)]
    if not kept:
        raise InputError(f'Expected an image that was not rejected, but {root} rejects all {len(used)}.')
    changed = [float(record.provenance.get('changed', 0.0)) for record in used if record.mask_path is not None]
    counts = {
        'corrected': len(changed),
        'changed': sum(share > 0 for share in changed),
        'changed_share': sum(changed) / len(changed) if changed else 0.0,
        'rejected': len(used) - len(changed),
        'unused': len(records) - len(used),
    }
    return kept, counts
