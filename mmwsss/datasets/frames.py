"""Frames to predict on, one after the other: pictures, a film, a camera."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from mmwsss.datasets.image_list import ImageListDataset
from mmwsss.datasets.picture_files import SUFFIXES, UNREAD_SUFFIXES, BadPictureError
from mmwsss.datasets.transforms.loading import LoadPicture
from mmwsss.structures.manifest import ManifestRecord, mask_names
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss_lite import time_in

Wants = Callable[[int], bool]
"""Whether a frame's picture is needed, by its index."""

_LOST = 100  # frames in a row that a film may fail to give before it is taken to be at its end
_TIMEOUT = 15_000  # milliseconds to wait for a camera


@dataclass
class Frame:
    """One frame.

    Attributes:
        index: Position among the frames that are taken.
        img_path: Its name in the manifest; of a film's frame ``FILM/NUMBER.png``, which is no file.
        mask_name: Name of its mask below ``masks/``, POSIX.
        camera: Which camera it is of.
        source: Picture, film or address.
        number: Its number in the film, from 0; 0 for a picture.
        time_s: Seconds since the film's beginning; None for a picture.
        time: When it was taken, where that is known.
        img: uint8 BGR (H, W, 3); None where it was not asked for, or is broken.
        reason: Why it is broken; None where it is not.
    """

    index: int
    img_path: str
    mask_name: str
    camera: str
    source: str
    number: int = 0
    time_s: float | None = None
    time: datetime | None = None
    img: np.ndarray | None = None
    reason: str | None = None


class FrameSource(Protocol):
    """Where frames come from.

    Attributes:
        kind: ``'pictures'``, ``'film'`` or ``'camera'``.
        total: How many frames there are, perhaps; None where nobody knows.
        end: How many frames there are for certain; None where that is not known.
        fps: Frames a second; None where that is not known.
    """

    kind: str
    total: int | None
    end: int | None
    fps: float | None

    def identity(self) -> dict[str, Any]:
        """What the frames and their names depend on, beside what is in them."""

    def index_of(self, record: ManifestRecord) -> int | None:
        """Index of the frame of a record; None where it is no frame of this source any more."""

    def mask_name(self, index: int) -> str | None:
        """Name of a frame's mask, where it is known before the frame is read."""

    def frames(self, wants: Wants, first: int = 0) -> Iterator[Frame]:
        """Frames in order; ``first`` is the index of a camera's first one, for others it is 0."""


class PictureSource:
    """Pictures of a folder, of a list or a single one, in a fixed order; a picture's folder is its camera.

    Args:
        source: See :class:`~mmwsss.datasets.image_list.ImageListDataset`.
        camera: Name of the camera, instead of the folders.

    Raises:
        FileNotFoundError: If there is no such folder or file.
        ValueError: If it names no picture.
    """

    kind = 'pictures'

    def __init__(self, source: str | Path, camera: str | None = None) -> None:
        self._dataset = ImageListDataset(source, ['any'])
        self._paths = [self._dataset.path(index) for index in range(len(self._dataset))]
        self._names = mask_names(self._paths, self._dataset.root)
        self._camera = camera
        self._index = {path: index for index, path in enumerate(self._paths)}
        self.total: int | None = len(self._paths)
        self.end, self.fps = self.total, None
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


class FilmSource:
    """Frames of a film. What the film's header promises and the film does not give is one broken frame at its end.

    Args:
        path: The film, of any kind that OpenCV reads.
        camera: Name of the camera; by default the film's, without suffix.
        every: Seconds between two frames that are taken; None takes all.
        start: When it begins; by default its name says it, if it does.

    Raises:
        ValueError: If it cannot be read as a film; names it.
    """

    kind = 'film'

    def __init__(
        self,
        path: str | Path,
        camera: str | None = None,
        every: float | None = None,
        start: datetime | None = None,
    ) -> None:
        self.path = Path(path)
        self.camera = self.path.stem if camera is None else camera
        self.every, self.start = every, start or time_in(self.path.name)
        film = self._open()
        self.promised = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
        self.fps: float | None = film.get(cv2.CAP_PROP_FPS)
        film.release()
        self.end = None
        self.total: int | None = self.promised if self.promised > 0 else None
        if self.total is not None and every is not None:
            self.total = max(round(self.promised / max((self.fps or 1) * every, 1)), 1)
        self.fps = 1 / every if every is not None else (self.fps if self.fps and self.fps > 0 else None)

    def index_of(self, record: ManifestRecord) -> int | None:
        """See :class:`FrameSource`."""
        return record.frame['index']

    def mask_name(self, index: int) -> str | None:
        """See :class:`FrameSource`; with ``every`` it is known with the frame only."""
        return self._mask_name(index) if self.every is None else None

    def _open(self) -> cv2.VideoCapture:
        film = cv2.VideoCapture(str(self.path))
        if not film.isOpened():
            raise InputError(
                f'Expected pictures, a list of pictures or a film that OpenCV reads in {self.path}, but it is none of '
                'them, or the film is cut off or broken.'
            )
        return film

    def identity(self) -> dict[str, Any]:
        """See :class:`FrameSource`."""
        size = self.path.stat().st_size
        settings = {'camera': self.camera, 'every': self.every, 'start': str(self.start)}
        return {'kind': self.kind, 'source': str(self.path), 'bytes': size, **settings}

    def frames(self, wants: Wants, first: int = 0) -> Iterator[Frame]:
        """See :class:`FrameSource`."""
        film, index, number, due, lost = self._open(), 0, 0, 0.0, 0
        try:
            while lost < _LOST:
                if not film.grab():
                    if number >= self.promised > 0:
                        break
                    lost += 1
                    continue
                lost = 0
                seconds = film.get(cv2.CAP_PROP_POS_MSEC) / 1000  # frames over fps is wrong where a film pauses
                if self.every is None or seconds + 1e-6 >= due:
                    if self.every is not None:
                        due = (seconds // self.every + 1) * self.every
                    frame = self._frame(index, number, seconds)
                    if wants(index):
                        good, frame.img = film.retrieve()
                        frame.reason = None if good else f'Cannot read frame {number} of {self.path}.'
                    yield frame
                    index += 1
                number += 1
        finally:
            film.release()
        # a header without an exact number has an estimate, which may be one or two off
        if self.promised - number > 2 or number == 0:
            frame = self._frame(index, number, None)
            frame.reason = f'Expected {self.promised} frames in {self.path}, but {number} can be read.'
            yield frame

    def _frame(self, index: int, number: int, seconds: float | None) -> Frame:
        taken = None if self.start is None or seconds is None else self.start + timedelta(seconds=seconds)
        name = self._mask_name(number)
        img_path = str(self.path.parent / name)
        return Frame(index, img_path, name, self.camera, self.path.name, number, seconds, taken)

    def _mask_name(self, number: int) -> str:
        return f'{self.path.name}/{number:06d}.png'


class CameraSource:
    """What a camera shows now, for ever or for so many frames or seconds; frames that come too fast are left out.

    Args:
        address: Of a stream, or a device's number.
        camera: Its name; by default the address without a password.
        every: Least seconds between two frames.
        frames: How many.
        seconds: How long.
        retries: How often a lost connection is sought again, after one second, two, four and so on.

    Raises:
        ValueError: If the camera cannot be reached.
    """

    kind = 'camera'

    def __init__(
        self,
        address: str,
        camera: str | None = None,
        every: float | None = None,
        frames: int | None = None,
        seconds: float | None = None,
        retries: int = 5,
    ) -> None:
        self.address = address
        self.shown = re.sub(r'//[^/@]*@', '//', address)  # the password stays out of files and messages
        self.camera = self.shown if camera is None else camera
        self.every, self.total, self.seconds, self.retries = every or 0.0, frames, seconds, retries
        self.end, self.fps = None, 1 / every if every else None
        self._folder = re.sub(r'[^\w.-]+', '_', self.camera).strip('_') or 'camera'
        self._stream: cv2.VideoCapture | None = self._open()
        if not self._stream.isOpened():
            raise InputError(f'Expected a camera that OpenCV opens at {self.shown}, but it does not answer.')

    def _open(self) -> cv2.VideoCapture:
        if self.address.isdecimal():
            return cv2.VideoCapture(int(self.address))
        wait = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT]
        return cv2.VideoCapture(self.address, cv2.CAP_FFMPEG, wait)

    def identity(self) -> dict[str, Any]:
        """See :class:`FrameSource`."""
        return {'kind': self.kind, 'source': self.shown, 'camera': self.camera, 'every': self.every}

    def frames(self, wants: Wants, first: int = 0) -> Iterator[Frame]:
        """See :class:`FrameSource`; a lost connection is a broken frame."""
        begin, index, failures = time.monotonic(), first, 0
        while failures <= self.retries:
            stream, self._stream = self._stream or self._open(), None
            with _Newest(stream) as newest:
                while (img := newest.take(self.every)) is not None:
                    failures = 0
                    yield self._frame(index, begin, img)
                    index += 1
                    if self._is_over(index - first, begin):
                        return
            failures += 1
            frame = self._frame(index, begin, None)
            frame.reason = f'The connection to {self.shown} was lost.'
            yield frame
            index += 1
            if self._is_over(index - first, begin):
                return
            if failures <= self.retries:
                time.sleep(2.0 ** (failures - 1))

    def _is_over(self, count: int, begin: float) -> bool:
        too_long = self.seconds is not None and time.monotonic() - begin >= self.seconds
        return too_long or (self.total is not None and count >= self.total)

    def index_of(self, record: ManifestRecord) -> int | None:
        """See :class:`FrameSource`."""
        return record.frame['index']

    def mask_name(self, index: int) -> str | None:
        """See :class:`FrameSource`."""
        return f'{self._folder}/{index:06d}.png'

    def _frame(self, index: int, begin: float, img: np.ndarray | None) -> Frame:
        name, now = f'{self._folder}/{index:06d}.png', datetime.now(timezone.utc)
        seconds = round(time.monotonic() - begin, 3)
        return Frame(index, f'{self.shown}/{name}', name, self.camera, self.shown, index, seconds, now, img)


class _Newest:
    """A thread that keeps a stream's newest frame, so that slow work does not fall behind what the camera shows."""

    def __init__(self, stream: cv2.VideoCapture) -> None:
        self._stream, self._change = stream, threading.Condition()
        self._img: np.ndarray | None = None
        self._ended = self._stop = False
        self._last = -float('inf')
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> _Newest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self._thread.join()
        self._stream.release()

    def _read(self) -> None:
        while not self._stop:
            good, img = self._stream.read()
            with self._change:
                self._ended = not good
                self._img = img if good else self._img
                self._change.notify()
            if not good:
                return

    def take(self, every: float) -> np.ndarray | None:
        """The newest frame, no sooner than ``every`` seconds after the last one; None where the stream has ended."""
        time.sleep(max(self._last + every - time.monotonic(), 0))
        with self._change:
            self._change.wait_for(lambda: self._img is not None or self._ended)
            img, self._img = self._img, None
        self._last = time.monotonic()
        return img


def open_frames(
    source: str | Path,
    camera: str | None = None,
    every: float | None = None,
    start: datetime | None = None,
    frames: int | None = None,
    seconds: float | None = None,
) -> FrameSource:
    """The frames of whatever it is: a picture, a folder, a list, a film, or a camera's address.

    Args:
        source: A path; or an address with ``://``, or a device's number.
        camera: Name of the camera.
        every: Least seconds between two frames of a film or a camera.
        start: When a film begins.
        frames: Of a camera: how many frames.
        seconds: Of a camera: how long.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is none of those, or an option does not fit what it is.
    """
    if every is not None and every <= 0:
        raise InputError(f'Expected seconds > 0 between two frames (--every), but got {every}.')
    path = Path(source)
    is_address = '://' in str(source) or (str(source).isdecimal() and not path.exists())
    limits = {'--max-frames': frames, '--max-seconds': seconds}
    given = [name for name, value in limits.items() if value is not None]
    if is_address:
        if start is not None:
            raise InputError('Expected no --start for a camera, whose frames are taken now.')
        return CameraSource(str(source), camera, every, frames, seconds)
    if given:
        raise InputError(f'Expected {given[0]} for a camera alone, but {source} is none.')
    if not path.exists():
        raise MissingFileError(
            f'Expected a picture, a folder, a list of pictures, a film or the address of a camera in {source}, but '
            'there is no such file.'
        )
    if path.is_dir() or path.suffix.lower() in SUFFIXES | UNREAD_SUFFIXES or _is_text(path):
        options = {'--every': every, '--start': start}
        given = [name for name, value in options.items() if value is not None]
        if given:
            raise InputError(f'Expected {given[0]} for a film alone, but {source} is none.')
        return PictureSource(source, camera)
    return FilmSource(path, camera, every, start)


def _is_text(path: Path) -> bool:
    """Whether a file is a list: text without binary zeros."""
    with open(path, 'rb') as handle:
        head = handle.read(4096)
    try:
        head[: head.rfind(b'\n') + 1 or None].decode('utf-8-sig')
    except UnicodeDecodeError:
        return False
    return b'\0' not in head
