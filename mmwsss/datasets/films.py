"""Frames of a film."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2

from mmwsss.datasets.frame import Frame, Wants
from mmwsss.structures.manifest import ManifestRecord
from mmwsss.utils.errors import InputError
from mmwsss_lite import time_in

_LOST = 100  # frames in a row that a film may fail to give before it is taken to be at its end


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
        self.end: int | None = None
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
