"""What a prediction leaves beside its masks, written frame by frame in their order."""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmwsss.datasets.frame import Frame
from mmwsss.exports.options import regions_of
from mmwsss.exports.outlines import trace
from mmwsss.structures import ManifestRecord
from mmwsss.utils.errors import InputError, ResourceError
from mmwsss.utils.files import atomic_write
from mmwsss.visualization import mask_overlay
from mmwsss_lite import EventRule, Events, area_columns, area_row

KINDS = ('overlays', 'film', 'polygons', 'frames', 'maps')
"""What there may be beside ``masks/``, ``area.csv`` and ``events.csv``."""

_QUALITY = 90  # of overlays, JPEG
_OPACITY = 0.4  # of the classes' colours, so that what lies below can be judged


@dataclass(frozen=True)
class OutputSettings:
    """What is written beside the masks.

    Attributes:
        kinds: Some of :data:`KINDS`: ``overlays/``, pictures with their masks; ``film.mp4``, a film of them;
            ``polygons.jsonl``; ``frames/``, the pictures of a film or a camera themselves, for a review; ``cams/``, the
            scores of the classes, which a review cuts anew.
        rule: When a class that stays is an event.
        tolerance: How far, in pixels, outlines may lie from the mask's true ones; 0 keeps every corner.
        fps: Frames a second of the film; None takes the source's own.

    Raises:
        ValueError: If a value is out of its range.
    """

    kinds: Collection[str] = ()
    rule: EventRule = field(default_factory=EventRule)
    tolerance: float = 1.0
    fps: float | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown:
            raise InputError(f'Expected outputs of {list(KINDS)}, but got {unknown}.')
        if self.tolerance < 0:
            raise InputError(f'Expected tolerance >= 0 (pixels), but got {self.tolerance}.')
        if self.fps is not None and self.fps <= 0:
            raise InputError(f'Expected fps > 0, but got {self.fps}.')


class Outputs:
    """Tables, overlays, film and outlines of a run; they are begun anew by every run, from the records.

    Tables grow line by line, for whoever reads along. Polygons and the film are there when the run is at its end.

    Args:
        out_dir: Output folder.
        classes: Names of the K classes.
        settings: What is written.
        fps: Of the source.
        film: Name of the film's file.
    """

    def __init__(
        self, out_dir: Path, classes: Sequence[str], settings: OutputSettings, fps: float, film: str = 'film.mp4'
    ) -> None:
        self.out_dir, self.settings, self.kinds = out_dir, settings, set(settings.kinds)
        self.events = Events(settings.rule)
        self._stack = contextlib.ExitStack()
        table = self._stack.enter_context((out_dir / 'area.csv').open('w', newline='', encoding='utf-8'))
        self._flush = table.flush
        self._table = csv.DictWriter(table, area_columns(classes), lineterminator='\n')
        self._table.writeheader()
        self._film = _Film(out_dir / film, settings.fps or fps) if 'film' in self.kinds else None
        self._polygons: Any = None
        if 'polygons' in self.kinds:
            self._polygons = self._stack.enter_context(atomic_write(out_dir / 'polygons.jsonl'))
        self._written_events = -1

    def overlay_path(self, mask_name: str) -> Path:
        """Where a frame's overlay is."""
        return self.out_dir / 'overlays' / f'{mask_name.removesuffix(".png")}.jpg'

    def frame_path(self, mask_name: str) -> Path:
        """Where a kept frame is."""
        return self.out_dir / 'frames' / mask_name

    def needs_picture(self, mask_name: str) -> bool:
        """Whether something has to be drawn of a frame whose mask is there."""
        return (
            self._film is not None
            or ('overlays' in self.kinds and not self.overlay_path(mask_name).is_file())
            or ('frames' in self.kinds and not self.frame_path(mask_name).is_file())
        )

    @property
    def needs_label(self) -> bool:
        """Whether the mask of a finished frame is read again."""
        return self._polygons is not None or bool(self.kinds & {'film', 'overlays'})

    def add(self, record: ManifestRecord, frame: Frame | None, label: np.ndarray | None, is_new: bool) -> list:
        """Write what belongs to the next frame.

        Args:
            record: Its record.
            frame: Its picture, where it is at hand.
            label: uint8 (H, W), its mask; None for a frame that failed.
            is_new: Whether the mask was made now.

        Returns:
            list: events that began, ended or grew.
        """
        figures = record.frame.get('figures', {})
        row = area_row({**record.frame, 'status': record.status}, figures)
        self._table.writerow(row)
        self._flush()
        changed = self.events.add(row, figures) if record.status == 'ok' else []
        if label is not None:
            if self._polygons is not None:
                self._polygons.write(self._outlines(record, label) + '\n')
            if frame is not None and frame.img is not None:
                self._draw(frame, label, is_new)
        return changed

    def _outlines(self, record: ManifestRecord, label: np.ndarray) -> str:
        names = dict(enumerate(record.frame['figures'], 1))
        regions = []
        for value, inside in regions_of(label):
            if value in names:  # not what is left out
                for region in trace(inside, self.settings.tolerance):
                    outer, *holes = [ring.round(2).tolist() for ring in region.rings]
                    regions.append({'class': names[value], 'outer': outer, 'holes': holes})
        where = {key: record.frame[key] for key in ('camera', 'source', 'frame', 'time_s', 'time')}
        content = {**where, 'mask': record.mask_path, 'size': list(label.shape), 'regions': regions}
        return json.dumps(content, ensure_ascii=False)

    def _draw(self, frame: Frame, label: np.ndarray, is_new: bool) -> None:
        if frame.img is None:
            return
        path = self.overlay_path(frame.mask_name)
        draws_overlay = 'overlays' in self.kinds and (is_new or not path.is_file())
        if draws_overlay or self._film is not None:
            drawn = np.ascontiguousarray(mask_overlay(frame.img[..., ::-1], label, _OPACITY)[..., ::-1])
            if draws_overlay:
                _write_picture(path, drawn, '.jpg', [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            if self._film is not None:
                self._film.add(drawn)
        kept = self.frame_path(frame.mask_name)
        if 'frames' in self.kinds and (is_new or not kept.is_file()):
            _write_picture(kept, frame.img, '.png', [])

    def write_events(self, always: bool = False) -> None:
        """Write ``events.csv``, where an event began or ended since it was written."""
        state = len(self.events.found) + sum(event.status == 'closed' for event in self.events.found)
        if always or state != self._written_events:
            self._written_events = state
            self.events.write(self.out_dir / 'events.csv')

    def close(self) -> None:
        """End what is whole now."""
        self.write_events(always=True)
        self._stack.close()
        if self._film is not None:
            self._film.close()

    def abandon(self) -> None:
        """End without what is not whole."""
        with contextlib.suppress(_Abandoned):
            self._stack.__exit__(_Abandoned, _Abandoned(), None)
        if self._film is not None:
            self._film.abandon()


class _Abandoned(BaseException):
    """Says to a file that is written atomically that it is not whole."""


def _write_picture(path: Path, img: np.ndarray, suffix: str, options: list[int]) -> None:
    good, encoded = cv2.imencode(suffix, img, options)
    if not good:
        raise ResourceError(f'Expected a picture that can be written to {path}, but OpenCV cannot encode it.')
    with atomic_write(path, 'wb') as handle:
        handle.write(encoded.tobytes())


class _Film:
    """A film (MPEG-4 in MP4), of the size of its first picture."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps = path, fps
        self._temporary = path.with_name(f'.{path.stem}.tmp{path.suffix}')
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def add(self, img: np.ndarray) -> None:
        """Add a picture, uint8 BGR (H, W, 3)."""
        if self._writer is None:
            self._size = (img.shape[1] // 2 * 2 or 2, img.shape[0] // 2 * 2 or 2)  # the codec wants even sides
            code = cv2.VideoWriter.fourcc(*'mp4v')
            self._writer = cv2.VideoWriter(str(self._temporary), code, self.fps, self._size)
            if not self._writer.isOpened():
                raise ResourceError(f'Expected a film that OpenCV writes to {self.path}, but it cannot.')
        width, height = self._size
        if img.shape[0] - height in (0, 1) and img.shape[1] - width in (0, 1):
            img = np.ascontiguousarray(img[:height, :width])
        else:
            img = cv2.resize(img, self._size, interpolation=cv2.INTER_AREA)
        self._writer.write(img)

    def close(self) -> None:
        """Put the film in its place."""
        if self._writer is not None:
            self._writer.release()
            os.replace(self._temporary, self.path)

    def abandon(self) -> None:
        """Remove what there is of it."""
        if self._writer is not None:
            self._writer.release()
        self._temporary.unlink(missing_ok=True)
