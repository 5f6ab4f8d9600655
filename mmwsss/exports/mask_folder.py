"""Folders of masks: what ``make_pseudo`` leaves, read for an export, and what an import leaves, written."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from mmwsss.datasets.metainfo import IGNORE_LABEL, palette, png_palette, segmentation_classes
from mmwsss.datasets.pictures import read_mask
from mmwsss.structures import Manifest, ManifestRecord
from mmwsss.utils.errors import InputError, MissingFileError, NotEmptyError
from mmwsss.utils.files import atomic_write, file_sha256, read_json, write_json

IGNORE_NAME = '_ignore'
"""Name that pixels of the ignore label have in formats that know names only."""


@dataclass(frozen=True)
class MaskItem:
    """One image of a folder whose mask was made.

    Attributes:
        name: Path of the image below the image folder, POSIX; the key by which corrections come back.
        img_path: Path of the image as its data set names it.
        mask_path: Path of the mask.
        mask_name: Path of the mask below ``masks/``, POSIX.
        record: Its line in the manifest.
    """

    name: str
    img_path: str
    mask_path: Path
    mask_name: str
    record: ManifestRecord

    def mask(self) -> np.ndarray:
        """uint8 (H, W): 0 background, ``k + 1`` class k, and the ignore label."""
        return read_mask(self.mask_path)

    def size(self) -> tuple[int, int]:
        """Height and width of the mask; reads the file's header only."""
        with Image.open(self.mask_path) as image:
            return image.height, image.width

    @property
    def stem(self) -> str:
        """``mask_name`` without ``.png``: unique in the folder, even with ``x.jpg`` and ``x.png`` side by side."""
        return self.mask_name.removesuffix('.png')


class MaskFolder:
    """A folder that ``make_pseudo`` or :func:`~mmwsss.exports.import_masks` wrote.

    Args:
        path: The folder (``run.json``, ``manifest.jsonl``, ``masks/``).

    Attributes:
        classes: Names of the K classes; class k has pixel value ``k + 1``.
        items: The images whose masks were made, in the manifest's order.
        run: What stands in ``run.json``.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If no mask in it is finished.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        run_file = self.path / 'run.json'
        if not run_file.is_file():
            raise MissingFileError(f'Expected a folder of masks with run.json in {path}, but there is no {run_file}.')
        self.run: dict[str, Any] = read_json(run_file)
        self.classes: tuple[str, ...] = tuple(self.run['classes'])
        records = Manifest(self.path / 'manifest.jsonl').read().values()
        self.items = [self._item(record) for record in records if record.mask_path is not None]
        if not self.items:
            raise InputError(f'Expected at least one finished mask in {path}, but its manifest has none.')
        self._by_name = {item.name: item for item in self.items}

    def _item(self, record: ManifestRecord) -> MaskItem:
        mask_name = PurePosixPath(record.mask_path or '').relative_to('masks')
        # masks mirror the sub-folders of the images, so a mask's depth tells how much of the image's path is its name
        name = '/'.join(PurePath(record.img_path).parts[-len(mask_name.parts) :])
        return MaskItem(name, record.img_path, self.path / 'masks' / mask_name, str(mask_name), record)

    def find(self, name: str, where: str | Path) -> MaskItem:
        """The image of a name.

        Args:
            name: Path below the image folder, as :attr:`MaskItem.name`.
            where: The file that names it, for the error.

        Raises:
            ValueError: If the folder has no such image.
        """
        if name not in self._by_name:
            raise InputError(
                f'Expected an image of {self.path} (for example {self.items[0].name!r}) in {where}, but got {name!r}.'
            )
        return self._by_name[name]

    @property
    def values(self) -> dict[str, int]:
        """Pixel value by name: the classes, and the ignore label's own name."""
        return {**{name: value for value, name in enumerate(self.classes, 1)}, IGNORE_NAME: IGNORE_LABEL}

    def value_of(self, name: str, where: str | Path) -> int:
        """The pixel value of a class name.

        Raises:
            ValueError: If the name is unknown; lists the known ones.
        """
        if name not in self.values:
            raise InputError(f'Expected a class of {[*self.values]} in {where}, but got {name!r}.')
        return self.values[name]

    @property
    def colours(self) -> dict[str, str]:
        """Colour by name, ``#rrggbb``, as in the masks."""
        table = png_palette(len(self.classes))
        return {name: '#' + table[3 * value : 3 * value + 3].hex() for name, value in self.values.items()}

    def uses_ignore(self) -> bool:
        """Whether some mask has pixels of the ignore label."""
        return any((item.mask() == IGNORE_LABEL).any() for item in self.items)


@dataclass
class Correction:
    """What a person made of one image.

    Attributes:
        item: The image.
        mask: uint8 (H, W), its mask now; None where the image is not to be used.
        reason: Why it is not to be used.
        provenance: Where it comes from, kept in the manifest.
    """

    item: MaskItem
    mask: np.ndarray | None
    reason: str | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def write_mask(path: Path, mask: np.ndarray, num_classes: int) -> None:
    """Write a mask as an indexed PNG with the classes' colours, atomically.

    Args:
        path: The file.
        mask: uint8 (H, W).
        num_classes: Number of foreground classes.
    """
    image = Image.fromarray(mask)
    image.putpalette(png_palette(num_classes))
    buffer = io.BytesIO()
    image.save(buffer, format='PNG')
    with atomic_write(path, 'wb') as handle:
        handle.write(buffer.getvalue())


def write_corrections(
    folder: MaskFolder, corrections: Iterable[Correction], out_dir: str | Path, source: dict[str, Any]
) -> dict[str, int]:
    """Write a folder of corrected masks in the layout of ``make_pseudo``.

    Records have the status ``'corrected'``, or ``'rejected'`` for images that are not to be used, and say in
    ``provenance`` where the mask comes from, which one it replaces, and which share of the pixels changed.

    Args:
        folder: The folder that was corrected.
        corrections: One for each image that a person judged; of several of one image the last counts.
        out_dir: Folder to write; it must not hold a manifest.
        source: Kept in every record's provenance (format, file).

    Returns:
        dict: ``corrected`` images, ``changed`` ones among them, ``rejected`` ones.

    Raises:
        FileExistsError: If the folder holds masks.
        ValueError: If a mask has another size than the one it replaces; names the image.
    """
    out_dir = Path(out_dir)
    manifest = Manifest(out_dir / 'manifest.jsonl')
    if manifest.path.exists():
        raise NotEmptyError(f'Expected a new folder for corrected masks, but {out_dir} holds {manifest.path.name}.')
    run = {'classes': list(folder.classes), 'palette': palette(len(folder.classes)), 'corrected_from': source}
    kept = {key: folder.run[key] for key in ('config_hash', 'checkpoint_sha256') if key in folder.run}
    write_json(out_dir / 'run.json', {**run, **kept})
    records: dict[str, ManifestRecord] = {}
    for correction in corrections:
        records[correction.item.name] = _write_correction(folder, correction, out_dir, source)
    manifest.rewrite(records.values())
    statuses = [record.status for record in records.values()]
    return {
        'corrected': statuses.count('corrected'),
        'changed': sum(bool(record.provenance.get('changed')) for record in records.values()),
        'rejected': statuses.count('rejected'),
    }


def _write_correction(
    folder: MaskFolder, correction: Correction, out_dir: Path, source: dict[str, Any]
) -> ManifestRecord:
    item, mask = correction.item, correction.mask
    provenance = {**source, 'replaces': item.record.checksum, **correction.provenance}
    if mask is None:
        return ManifestRecord(item.img_path, 'rejected', reason=correction.reason, provenance=provenance)
    before = item.mask()
    if mask.shape != before.shape:
        raise ValueError(f'Expected a mask of {before.shape} (H, W) for {item.name}, but got {mask.shape}.')
    path = out_dir / 'masks' / item.mask_name
    write_mask(path, mask, len(folder.classes))
    names = segmentation_classes(folder.classes)
    shares = np.bincount(mask.ravel(), minlength=IGNORE_LABEL + 1) / mask.size
    coverage = {name: float(shares[value]) for value, name in enumerate(names) if value and shares[value]}
    return ManifestRecord(
        item.img_path,
        'corrected',
        mask_path=f'masks/{item.mask_name}',
        labels=list(coverage),
        coverage=coverage,
        ignored=float(shares[IGNORE_LABEL]),
        checksum=file_sha256(path),
        provenance={**provenance, 'changed': float((mask != before).mean())},
    )
