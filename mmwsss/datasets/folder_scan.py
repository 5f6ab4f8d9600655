"""Which files of a folder are images, and what is left out and why."""

from __future__ import annotations

import os
import os.path as osp
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mmwsss.datasets.picture_files import SUFFIXES, UNREAD_SUFFIXES
from mmwsss.structures.output_marker import is_output, is_own_subfolder

SYSTEM_FOLDERS = frozenset(
    {'@eaDir', '__MACOSX', '#recycle', '#snapshot', '$RECYCLE.BIN', 'System Volume Information', 'lost+found'}
)
"""Folders that archives, network disks and file managers leave; those that begin with a dot are hidden anyway."""

HIDDEN, SYSTEM, OWN = 'hidden', 'of the system', 'output of this package'
LINKED, CLOSED, ODD = 'linked folders', 'folders that cannot be opened', 'no regular files'
UNREAD, OTHER = 'pictures of a kind that is not read', 'no pictures'


class FolderScan:
    """Image files below a folder, relative to it, in a fixed order; sub-folders are opened one after the other.

    Hidden files and folders (``.ipynb_checkpoints``, ``._x.jpg``), those of the system, output of this package (masks
    of an earlier run) and folders that are links are left out; what was left out is counted while the scan goes on.
    Folders that are links are entered only with ``follow_links``, and never twice.

    Args:
        folder: The folder.
        follow_links: Also go into folders that are links.

    Attributes:
        left_out: Number of files and folders by reason.
        examples: The first path (relative) of each reason.
        suffixes: Number of files that are no image by their suffix.
        folders: Sub-folders of the first level that were entered, with their number of images.
        direct: Images of each of them that lie directly in it.
    """

    def __init__(self, folder: str | Path, follow_links: bool = False) -> None:
        self.folder, self.follow_links = os.fspath(folder), follow_links
        self._reset()

    def _reset(self) -> None:
        self.left_out: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.suffixes: Counter[str] = Counter()
        self.folders: dict[str, int] = {}
        self.direct: Counter[str] = Counter()
        self._seen = {osp.realpath(self.folder)} if self.follow_links else set()

    def __iter__(self) -> Iterator[str]:
        """Paths relative to the folder.

        Raises:
            OSError: If the folder itself cannot be opened.
        """
        self._reset()
        waiting = [('', self._entries(os.scandir(self.folder), '') or [])]
        while waiting:
            inside, entries = waiting.pop()
            for number, entry in enumerate(entries):
                name = osp.join(inside, entry.name)
                if entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and osp.isdir(entry.path)):
                    below = self._open(entry, name)
                    if below is not None:
                        waiting += [(inside, entries[number + 1 :]), (name, below)]
                        break
                elif self._is_image(entry, name):
                    top, _, rest = name.partition(os.sep)
                    if rest:
                        self.folders[top] += 1
                        self.direct[top] += os.sep not in rest
                    yield name

    def _entries(self, scan: Iterator[os.DirEntry], inside: str) -> list[os.DirEntry] | None:
        """Entries in order, without hidden ones and those of the system; None for a folder of our own output."""
        found = sorted(scan, key=lambda entry: entry.name)
        names = {entry.name for entry in found}
        if inside and is_output(names):
            self._leave(OWN, inside)
            return None
        kept = []
        for entry in found:
            if entry.name.startswith('.'):
                self._leave(HIDDEN, osp.join(inside, entry.name))
            elif entry.name in SYSTEM_FOLDERS:
                self._leave(SYSTEM, osp.join(inside, entry.name))
            elif is_own_subfolder(entry.name, names):
                self._leave(OWN, osp.join(inside, entry.name))
            else:
                kept.append(entry)
        return kept

    def _open(self, entry: os.DirEntry, name: str) -> list[os.DirEntry] | None:
        if self.follow_links:
            real = osp.realpath(entry.path)
            if real in self._seen:
                self._leave(LINKED, name)
                return None
            self._seen.add(real)
        elif entry.is_symlink():
            self._leave(LINKED, name)
            return None
        try:
            entries = self._entries(os.scandir(entry.path), name)
        except OSError:
            self._leave(CLOSED, name)
            return None
        if os.sep not in name and entries is not None:
            self.folders[name] = 0
        return entries

    def _is_image(self, entry: os.DirEntry, name: str) -> bool:
        suffix = osp.splitext(entry.name)[1].lower()
        if suffix not in SUFFIXES:
            self.suffixes[suffix] += 1
            self._leave(UNREAD if suffix in UNREAD_SUFFIXES else OTHER, name)
            return False
        if not entry.is_symlink() and not entry.is_file(follow_symlinks=False):
            self._leave(ODD, name)
            return False
        return True

    def _leave(self, reason: str, name: str) -> None:
        self.left_out[reason] += 1
        self.examples.setdefault(reason, name)

    def notes(self) -> list[str]:
        """What was left out, a line a reason."""
        lines = []
        for reason, number in sorted(self.left_out.items()):
            line = f'{number} left out: {reason} (first {self.examples[reason]})'
            if reason == UNREAD:
                kinds = ', '.join(
                    f'{count} {suffix}' for suffix, count in sorted(self.suffixes.items()) if suffix in UNREAD_SUFFIXES
                )
                line = f'{line}: {kinds}'
            elif reason == LINKED and not self.follow_links:
                line += '; follow_links=True goes into them'
            lines.append(line)
        return lines


def scan_folder(folder: str | Path, follow_links: bool = False) -> Iterator[str]:
    """Image files below a folder; see :class:`FolderScan`."""
    return iter(FolderScan(folder, follow_links))
