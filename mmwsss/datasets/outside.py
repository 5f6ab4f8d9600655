"""One rule for pictures that lie outside their image folder, for training, masks and evaluation alike.

Pictures are read from the image folder only. A picture that is a link to somewhere outside it is read with
``follow_links=True`` alone; a path that leaves the folder by itself (absolute, or by ``..``) is never read, because its
mask would have no place below the output folder: name the folder that all pictures are in.
"""

from __future__ import annotations

import os
import os.path as osp
import stat
from pathlib import Path


class Outside:
    """Says of pictures whether they lie outside an image folder.

    Args:
        root: The image folder.
        follow_links: Whether links out of it may be followed.
    """

    def __init__(self, root: str | Path, follow_links: bool = False) -> None:
        self.root = osp.abspath(root)
        self.follow_links = follow_links
        self._real_root = osp.realpath(self.root)
        self._inside: dict[str, bool] = {}

    def refusal(self, path: str | Path) -> str | None:
        """Why a picture is not read, or None; the file system is asked once for the file and once for each folder."""
        path = os.fspath(path)
        absolute = osp.abspath(path)
        if not _below(absolute, self.root):
            return (
                f'The image {path} lies outside the image folder {self.root}. Give the folder that all images are in.'
            )
        if self.follow_links:
            return None
        folder = osp.dirname(absolute)
        if folder not in self._inside:
            self._inside[folder] = _below(osp.realpath(folder), self._real_root)
        if self._inside[folder] and not _is_link(absolute):
            return None
        real = osp.realpath(absolute)
        if _below(real, self._real_root):
            return None
        return (
            f'The image {path} is a link to {real}, outside the image folder {self.root} '
            '(follow_links=True reads such images).'
        )


def outside_reason(path: str | Path, root: str | Path, follow_links: bool = False) -> str | None:
    """Why one picture is not read, or None; see :class:`Outside`."""
    return Outside(root, follow_links).refusal(path)


def _is_link(path: str) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def _below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)
