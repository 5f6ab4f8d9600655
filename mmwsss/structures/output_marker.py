"""What tells an output folder of this package from a folder of pictures, so that masks are never taken for images."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

MARKER = '.mmwsss'
"""An empty file that says: this folder, and all below it, is our own output."""

_OWN_FILES = frozenset({MARKER, 'run.json', 'last_checkpoint'})
_OWN_FOLDERS = frozenset({'masks', 'cams'})


def mark_output(folder: str | Path) -> Path:
    """Mark a folder as our own output; it is made where it is missing."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    return folder


def is_output(names: Collection[str]) -> bool:
    """Whether a folder with these entries is output: it has our marker, a ``run.json`` or a checkpoint's pointer."""
    return not _OWN_FILES.isdisjoint(names)


def is_output_folder(folder: str | Path) -> bool:
    """As :func:`is_output`, of a folder on the disk."""
    return any(os.path.lexists(os.path.join(folder, name)) for name in _OWN_FILES)


def is_own_subfolder(name: str, names: Collection[str]) -> bool:
    """Whether a sub-folder is output because of the folder that it is in: pictures and masks may share a folder."""
    return name in _OWN_FOLDERS and is_output(names)
