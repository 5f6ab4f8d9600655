"""``manifest.jsonl``: one JSON line an image, appended as images finish, read to resume and to train on."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mmwsss.utils.errors import InputError
from mmwsss.utils.files import atomic_write, path_below

_LONGEST_NAME = 255  # bytes


@dataclass
class ManifestRecord:
    """What became of one image.

    Attributes:
        img_path: Path of the image as its data set names it.
        status: ``'ok'`` or ``'failed'``.
        mask_path: Path of the mask below the output folder, None where it failed.
        reason: Why it failed.
        labels: Names of the classes whose maps were used: given or predicted ones (see ``label_source`` in
            ``summary.json``).
        coverage: Share of the pixels of each class in the mask, in [0, 1], of the classes of ``labels``.
        ignored: Share of the pixels with the ignore label in the mask, in [0, 1].
        raw_max: Maximum of each class's map before normalisation.
        checksum: SHA-256 of the mask file.
        seconds: Seconds by stage.
        counts: Pixel counts by kind of mask (``unrefined``, ``mask``), where there is ground truth: rows [value,
            intersection, predicted, true] of the classes that occur.
        provenance: Of a corrected mask (status ``'corrected'`` or ``'rejected'``): where the correction comes from.
        frame: Of a predicted mask: where and when its frame was taken, and what the tables say of each class.
    """

    img_path: str
    status: str
    mask_path: str | None = None
    reason: str | None = None
    labels: list[str] = field(default_factory=list)
    coverage: dict[str, float] = field(default_factory=dict)
    ignored: float = 0.0
    raw_max: dict[str, float] = field(default_factory=dict)
    checksum: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    frame: dict[str, Any] = field(default_factory=dict)


class Manifest:
    """The manifest of one output folder.

    Args:
        path: ``manifest.jsonl``; it need not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def read(self) -> dict[str, ManifestRecord]:
        """Records by image path; of several lines on one image the last counts.

        A last line that a killed run left torn is passed over.

        Raises:
            ValueError: If another line is no record; names file and line.
        """
        return {record.img_path: record for record in self}

    def __iter__(self) -> Iterator[ManifestRecord]:
        """Records line by line, as they were written."""
        for _, record in self.lines():
            yield record

    def lines(self) -> Iterator[tuple[int, ManifestRecord]]:
        """Where each line begins, in bytes, and its record."""
        if not self.path.exists():
            return
        start = 0
        with open(self.path, 'rb') as handle:
            for number, line in enumerate(handle, 1):
                if line.strip():
                    try:
                        yield start, self._parse(line)
                    except (json.JSONDecodeError, UnicodeDecodeError, TypeError) as error:
                        if not line.endswith(b'\n'):  # the run was killed while it wrote
                            return
                        raise InputError(
                            f'Expected a manifest record in {self.path}, line {number}, but {error}'
                        ) from error
                start += len(line)

    @staticmethod
    def _parse(line: bytes) -> ManifestRecord:
        return ManifestRecord(**json.loads(line))

    def read_at(self, start: int) -> ManifestRecord:
        """The record of the line that begins at a byte."""
        with open(self.path, 'rb') as handle:
            handle.seek(start)
            return self._parse(handle.readline())

    def append(self, record: ManifestRecord) -> int:
        """Add one line and see it to the disk; a torn line before it is ended first.

        Returns:
            int: Where the line begins, in bytes.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = _to_json(record)
        with open(self.path, 'ab+') as handle:
            if handle.tell():
                handle.seek(-1, os.SEEK_END)
                if handle.read(1) != b'\n':
                    self._cut_torn_line(handle)
            place = handle.seek(0, os.SEEK_END)
            handle.write(line.encode())
            handle.flush()
            os.fsync(handle.fileno())
        return place

    @staticmethod
    def _cut_torn_line(handle: IO[bytes]) -> None:
        handle.seek(0)
        handle.truncate(handle.read().rfind(b'\n') + 1)

    def rewrite(self, records: Iterable[ManifestRecord]) -> None:
        """Replace the file atomically, in the order given."""
        with atomic_write(self.path) as handle:
            for record in records:
                handle.write(_to_json(record))


def _to_json(record: ManifestRecord) -> str:
    return json.dumps(asdict(record), ensure_ascii=True, allow_nan=False) + '\n'  # NaN is no JSON


def mask_names(img_paths: Sequence[str], root: str | Path) -> list[str | None]:
    """Where each image's mask goes below the output folder, mirroring the input's sub-folders.

    ``a/x.jpg`` becomes ``a/x.png``; images whose masks would share a name keep their own suffix (``a/x.jpg.png``).
    A name that would be too long is cut and ends in a hash.

    Args:
        img_paths: Images, absolute or relative to the working directory.
        root: The folder whose sub-folders are mirrored.

    Returns:
        Relative POSIX paths; None for an image that lies outside ``root``.
    """
    relative: list[PurePosixPath | None] = []
    for path in img_paths:
        inside = PurePosixPath(path_below(path, root))
        outside = inside.parts[0] == '..' or os.path.isabs(inside)
        relative.append(None if outside else inside)
    uses = Counter(path.with_suffix('.png') for path in relative if path is not None)
    clashing = [path for path in relative if path is not None and uses[path.with_suffix('.png')] > 1]
    long_names = {_with_suffix_kept(path) for path in clashing}  # a short name that one of them hits is made long too
    return [None if path is None else str(_fitting(_mask_name(path, uses, long_names))) for path in relative]


def _with_suffix_kept(path: PurePosixPath) -> PurePosixPath:
    return path.with_name(path.name + '.png')


def _fitting(path: PurePosixPath) -> PurePosixPath:
    """A name that file systems take (255 bytes, with room for a suffix of ours): cut, with a hash of the whole."""
    name = os.fsencode(path.name)
    if len(name) <= _LONGEST_NAME:
        return path
    stem = name[: _LONGEST_NAME - 21].decode('utf-8', 'ignore')
    return path.with_name(f'{stem}-{hashlib.sha256(name).hexdigest()[:16]}.png')


def _mask_name(path: PurePosixPath, uses: Counter, long_names: set[PurePosixPath]) -> PurePosixPath:
    short = path.with_suffix('.png')
    return _with_suffix_kept(path) if uses[short] > 1 or short in long_names else short
