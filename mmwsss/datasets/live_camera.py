"""Frames of a camera as it shows them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import cv2
import numpy as np

from mmwsss.datasets.frame import Frame, Wants
from mmwsss.structures.manifest import ManifestRecord
from mmwsss.utils.errors import InputError

_TIMEOUT = 15_000  # milliseconds to wait for a camera


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
        self.end: int | None = None
        self.fps: float | None = 1 / every if every else None
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
