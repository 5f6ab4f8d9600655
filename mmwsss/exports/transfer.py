"""Masks to the tools of others, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmwsss.exports import coco, cvat, label_studio, review, voc, yolo
from mmwsss.exports.mask_folder import Correction, MaskFolder, write_corrections
from mmwsss.exports.options import ExportOptions
from mmwsss.utils.errors import InputError, MissingFileError

Writer = Callable[[MaskFolder, Path, ExportOptions], dict[str, Any]]
Reader = Callable[[Path, MaskFolder, ExportOptions], Iterator[Correction]]


@dataclass(frozen=True)
class Format:
    """How one format is written and read; None where mmwsss only reads it."""

    write: Writer | None
    read: Reader


FORMATS: Mapping[str, Format] = {
    'coco': Format(coco.write_polygons, coco.read),
    'coco-rle': Format(coco.write_rle, coco.read),
    'yolo-seg': Format(yolo.write, yolo.read),
    'label-studio': Format(label_studio.write, label_studio.read),
    'cvat': Format(cvat.write, cvat.read),
    'voc': Format(voc.write, voc.read),
    'review': Format(None, review.read),
}
"""The formats by name; ``'review'`` is what the review page downloads."""

EXPORTS = tuple(name for name, known in FORMATS.items() if known.write is not None)


def _format(name: str, among: tuple[str, ...]) -> Format:
    if name not in among:
        raise InputError(f'Expected a format of {list(among)}, but got {name!r}.')
    return FORMATS[name]


def export_masks(
    masks: str | Path, out_dir: str | Path, format_name: str, options: ExportOptions | None = None
) -> dict[str, Any]:
    """Write the masks of a folder for another tool.

    Args:
        masks: Folder of ``make_pseudo`` or of an import.
        out_dir: Folder to write into.
        format_name: One of :data:`EXPORTS`.
        options: See :class:`~mmwsss.exports.ExportOptions`.

    Returns:
        dict: What was written, for people: counts, files, and what to do next.

    Raises:
        FileNotFoundError: If there is no such folder, or an image that is to be linked.
        ValueError: If the format is unknown.
    """
    write = _format(format_name, EXPORTS).write
    if write is None:
        raise InputError(f'Expected a format that can be written, but got {format_name!r}.')
    return write(MaskFolder(masks), Path(out_dir), options or ExportOptions())


def import_masks(
    source: str | Path,
    masks: str | Path,
    out_dir: str | Path,
    format_name: str,
    options: ExportOptions | None = None,
) -> dict[str, int]:
    """Read corrected masks back into a folder in the layout of ``make_pseudo``.

    Args:
        source: What the other tool wrote: a file or a folder.
        masks: The folder that was exported; it knows the images, their sizes and the classes.
        out_dir: New folder for the corrected masks.
        format_name: One of :data:`FORMATS`.
        options: See :class:`~mmwsss.exports.ExportOptions`.

    Returns:
        dict: ``corrected`` images, ``changed`` ones among them, ``rejected`` ones, and ``untouched`` ones, of which the
        source says nothing.

    Raises:
        FileNotFoundError: If the source or the folder is missing.
        FileExistsError: If the new folder holds masks.
        ValueError: If the format is unknown, or the source does not belong to the folder.
    """
    known, source, folder = _format(format_name, tuple(FORMATS)), Path(source), MaskFolder(masks)
    if not source.exists():
        raise MissingFileError(f'Expected a file or folder of {format_name} in {source}, but there is none.')
    corrections = known.read(source, folder, options or ExportOptions())
    origin = {'format': format_name, 'source': source.name, 'masks': str(masks)}
    counts = write_corrections(folder, corrections, out_dir, origin)
    return {**counts, 'untouched': len(folder.items) - counts['corrected'] - counts['rejected']}
