"""One frame of pictures, of a film or of a camera, and what gives frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np

from mmwsss.structures.manifest import ManifestRecord

Wants = Callable[[int], bool]
"""Whether a frame's picture is needed, by its index."""


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
