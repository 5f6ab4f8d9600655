"""Frames to predict on, one after the other: pictures, a film, a camera."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import cv2

from mmwsss.datasets.films import FilmSource
from mmwsss.datasets.frame import Frame, FrameSource, Wants
from mmwsss.datasets.image_list import ImageListDataset
from mmwsss.datasets.live_camera import CameraSource
from mmwsss.datasets.picture_files import SUFFIXES, UNREAD_SUFFIXES, BadPictureError
from mmwsss.datasets.transforms.loading import LoadPicture
from mmwsss.structures.manifest import ManifestRecord, mask_names
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss_lite import time_in


class PictureSource:
    """Pictures of a folder, of a list or a single one, in a fixed order; a picture's folder is its camera.

    Args:
        source: See :class:`~mmwsss.datasets.image_list.ImageListDataset`.
        camera: Name of the camera, instead of the folders.
        image_root: Folder of the pictures of a list; by default the list's own.

    Raises:
        FileNotFoundError: If there is no such folder or file.
        ValueError: If it names no picture.
    """

    kind = 'pictures'

    def __init__(self, source: str | Path, camera: str | None = None, image_root: str | Path | None = None) -> None:
        self._dataset = ImageListDataset(source, ['any'], image_root)
        self._paths = [self._dataset.path(index) for index in range(len(self._dataset))]
        self._names = mask_names(self._paths, self._dataset.root)
        self._camera = camera
        self._index = {path: index for index, path in enumerate(self._paths)}
        self.total: int | None = len(self._paths)
        self.end: int | None = self.total
        self.fps: float | None = None
        self.notes = self._dataset.notes

    def index_of(self, record: ManifestRecord) -> int | None:
        """See :class:`FrameSource`."""
        return self._index.get(record.img_path)

    def mask_name(self, index: int) -> str | None:
        """See :class:`FrameSource`."""
        return self._names[index] if index < len(self._names) else None

    def identity(self) -> dict[str, Any]:
        """See :class:`FrameSource`; pictures that are added later belong to the same run."""
        return {'kind': self.kind, 'source': self._dataset.source, 'camera': self._camera}

    def frames(self, wants: Wants, first: int = 0) -> Iterator[Frame]:
        """See :class:`FrameSource`."""
        load, root = LoadPicture(), Path(self._dataset.root)
        for index, (path, name) in enumerate(zip(self._paths, self._names)):
            if name is None:
                info = self._dataset.get_data_info(index)
                yield Frame(index, path, '', '', path, reason=info.get('refused', 'It lies outside the folder.'))
                continue
            inside = Path(path).relative_to(root)
            camera = inside.parent.as_posix() if self._camera is None else self._camera
            frame = Frame(index, path, name, '' if camera == '.' else camera, inside.as_posix())
            frame.time = time_in(inside.name)
            if wants(index):
                try:
                    frame.img = load(self._dataset.get_data_info(index))['img']
                except (BadPictureError, MemoryError, cv2.error) as error:
                    frame.reason = str(error) or f'{type(error).__name__} on {path}'
            yield frame


def open_frames(
    source: str | Path,
    camera: str | None = None,
    every: float | None = None,
    start: datetime | None = None,
    frames: int | None = None,
    seconds: float | None = None,
    image_root: str | Path | None = None,
) -> FrameSource:
    """The frames of whatever it is: a picture, a folder, a list, a film, or a camera's address.

    Args:
        source: A path; or an address with ``://``, or a device's number.
        camera: Name of the camera.
        every: Least seconds between two frames of a film or a camera.
        start: When a film begins.
        frames: Of a camera: how many frames.
        seconds: Of a camera: how long.
        image_root: Of a list of pictures: their folder, by default the list's own; none may lie outside of it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is none of those, or an option does not fit what it is.
    """
    if image_root is not None and not (Path(source).is_file() and _is_text(Path(source))):
        raise InputError(f'Expected --image-root for a list of pictures alone, but {source} is none.')
    if every is not None and every <= 0:
        raise InputError(f'Expected seconds > 0 between two frames (--every), but got {every}.')
    kind = kind_of(source)
    limits = {'--max-frames': frames, '--max-seconds': seconds}
    given = [name for name, value in limits.items() if value is not None]
    if kind == 'camera':
        if start is not None:
            raise InputError('Expected no --start for a camera, whose frames are taken now.')
        return CameraSource(str(source), camera, every, frames, seconds)
    if given:
        raise InputError(f'Expected {given[0]} for a camera alone, but {source} is none.')
    if kind == 'pictures':
        options = {'--every': every, '--start': start}
        given = [name for name, value in options.items() if value is not None]
        if given:
            raise InputError(f'Expected {given[0]} for a film alone, but {source} is none.')
        return PictureSource(source, camera, image_root)
    return FilmSource(source, camera, every, start)


def kind_of(source: str | Path) -> Literal['pictures', 'film', 'camera']:
    """What gives frames: a picture, a folder or a list; a film; the address of a camera or a device's number.

    Raises:
        FileNotFoundError: If it is no address and there is no such file.
    """
    path = Path(source)
    if '://' in str(source) or (str(source).isdecimal() and not path.exists()):
        return 'camera'
    if not path.exists():
        raise MissingFileError(
            f'Expected a picture, a folder, a list of pictures, a film or the address of a camera in {source}, but '
            'there is no such file.'
        )
    pictures = path.is_dir() or path.suffix.lower() in SUFFIXES | UNREAD_SUFFIXES or _is_text(path)
    return 'pictures' if pictures else 'film'


def _is_text(path: Path) -> bool:
    """Whether a file is a list: text without binary zeros."""
    with open(path, 'rb') as handle:
        head = handle.read(4096)
    try:
        head[: head.rfind(b'\n') + 1 or None].decode('utf-8-sig')
    except UnicodeDecodeError:
        return False
    return b'\0' not in head
