"""Which photo, camera, day and hour a picture is from: what must not be torn apart by a split or an average."""

from __future__ import annotations

import csv
import os.path as osp
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import path_below


def read_group_table(path: str | Path, columns: Sequence[str]) -> dict[str, str]:
    """Groups of pictures from a CSV.

    Args:
        path: The file, with a header.
        columns: Its columns of the picture (path, name or stem) and of the group.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing, a cell is empty, or a picture has two groups.
    """
    if not osp.isfile(path):
        raise MissingFileError(f'Expected a CSV of crops and their photos, but there is no {path}.')
    with open(path, encoding='utf-8-sig', newline='') as handle:
        rows = csv.DictReader(handle)
        missing = [name for name in columns if name not in (rows.fieldnames or [])]
        if missing:
            raise InputError(f'Expected the columns {tuple(columns)} in {path}, but {missing} are not there.')
        crop, photo = columns
        groups: dict[str, str] = {}
        for row in rows:
            if not row[crop] or not row[photo]:
                raise InputError(f'Expected a {crop} and a {photo} in {path}, line {rows.line_num}, but got {row}.')
            if groups.setdefault(row[crop], row[photo]) != row[photo]:
                raise InputError(
                    f'Expected one {photo} of {row[crop]} in {path}, but got {groups[row[crop]]!r} and '
                    f'{row[photo]!r} (line {rows.line_num}).'
                )
        return groups


def group_in_table(path: str, root: str, groups: Mapping[str, str]) -> str | None:
    """A picture's group by its path below the image folder, with or without suffix, or its name; None: not there."""
    stem = osp.splitext(osp.basename(path))[0]
    inside = path_below(path, root or '.')
    names = (inside, osp.splitext(inside)[0], stem, osp.basename(path))
    return next((groups[name] for name in names if name in groups), None)


@dataclass(frozen=True)
class FrameGroup:
    """Where and when a frame was taken.

    Attributes:
        block: Frames of one block are alike: a day of a camera, or a photo that crops were cut from.
        camera: The camera; by default the folder of the frame.
        hour: Hour of the day in [0, 23], where it is known.
    """

    block: str
    camera: str
    hour: int | None = None


@dataclass(frozen=True)
class Grouping:
    r"""How frames are put into groups: by a CSV, by a pattern on their paths, or by their folders.

    The pattern is a regular expression with one group or more; named ones are ``camera``, ``day``, ``hour`` and
    ``block``. Without ``block`` the block is camera and day together; a pattern without names has the block as its
    first group. Where neither a table nor a pattern says it, a frame's folder is both camera and block.

    Attributes:
        table: CSV of blocks.
        columns: Its columns of the picture and of the block.
        pattern: Searched in the path, with ``/`` between folders.
        root: Image folder, to which the table's paths are relative.

    >>> grouping = Grouping(pattern=r'(?P<camera>cam\d+)_(?P<day>\d{8})_(?P<hour>\d\d)')
    >>> grouping.of('frames/cam7_20240131_0915.jpg')
    FrameGroup(block='cam7 20240131', camera='cam7', hour=9)
    """

    table: str | None = None
    columns: tuple[str, str] = ('path', 'block')
    pattern: str | None = None
    root: str = ''

    def of(self, path: str) -> FrameGroup:
        """The group of one frame; many frames go through :meth:`all`, which reads the table once.

        Raises:
            FileNotFoundError: If the table is missing.
            ValueError: If the table or the pattern is wrong, or has nothing on the frame.
        """
        return self.all([path])[0]

    def all(self, paths: Sequence[str]) -> list[FrameGroup]:
        """The groups of frames, in order."""
        table = None if self.table is None else read_group_table(self.table, self.columns)
        pattern = self._compiled()
        groups = []
        for path in paths:
            folder = PurePath(path).parent.name
            named = {} if pattern is None else self._match(pattern, path)
            camera = named.get('camera') or folder
            block = None if table is None else group_in_table(path, self.root, table)
            if table is not None and block is None:
                raise InputError(f'Expected the {self.columns[1]} of {path} in {self.table}, but it is not there.')
            day = named.get('day')
            block = block or named.get('block') or (f'{camera} {day}' if day else camera)
            groups.append(FrameGroup(block, camera, self._hour(named.get('hour'), path)))
        return groups

    def _compiled(self) -> re.Pattern[str] | None:
        if self.pattern is None:
            return None
        try:
            expression = re.compile(self.pattern)
        except re.error as error:
            raise InputError(f'Expected a regular expression for blocks, but got {self.pattern!r}: {error}.') from error
        known = {'block', 'camera', 'day', 'hour'}
        if not expression.groups or not set(expression.groupindex) <= known:
            raise InputError(
                f'Expected a group (...) in the pattern of blocks, or groups named {sorted(known)}, '
                f'but got {self.pattern!r}.'
            )
        return expression

    def _match(self, pattern: re.Pattern[str], path: str) -> dict[str, str]:
        found = pattern.search(PurePath(path).as_posix())
        if found is None:
            raise InputError(f'Expected {pattern.pattern!r} in the path of every frame, but {path} has it not.')
        return found.groupdict() if pattern.groupindex else {'block': found.group(1)}

    @staticmethod
    def _hour(text: str | None, path: str) -> int | None:
        if text is None:
            return None
        if not text.isdigit() or int(text) > 23:
            raise InputError(f'Expected an hour from 0 to 23 in the path {path}, but got {text!r}.')
        return int(text)
