"""Masks from an ONNX network, on a small computer: this one file needs onnxruntime, numpy and pillow, nothing else.

    mmwsss-lite model.onnx pictures/ --out masks/

It leaves ``masks/`` (indexed PNGs in the sub-folders of the pictures), ``area.csv``, a line a picture, and
``events.csv``, a line for each time that a class stayed. ``mmwsss predict`` writes the same tables, by the same code.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = ('.bmp', '.gif', '.jpeg', '.jpg', '.png', '.ppm', '.tif', '.tiff', '.webp')
IGNORED = 255
FRAME_COLUMNS = ('camera', 'source', 'frame', 'time_s', 'time', 'status')
CLASS_COLUMNS = ('area', 'score', 'components', 'x0', 'y0', 'x1', 'y1')


def area_columns(classes: Sequence[str]) -> list[str]:
    """Columns of ``area.csv``: of the frame, then of each class.

    >>> area_columns(['smoke'])[-4:]
    ['x0_smoke', 'y0_smoke', 'x1_smoke', 'y1_smoke']
    """
    return [*FRAME_COLUMNS, *(f'{column}_{name}' for name in classes for column in CLASS_COLUMNS)]


def parts_of(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Connected parts of a binary mask; pixels that touch at a corner belong together.

    Args:
        inside: bool (H, W).

    Returns:
        tuple: int64 (n,), the pixels of each part; int64 (n, 4), their boxes (x0, y0, x1, y1), the ends exclusive.

    >>> parts_of(np.array([[1, 0, 0, 1], [0, 1, 0, 1]], bool))[0].tolist()
    [2, 2]
    """
    height, width = inside.shape
    stride = width + 1  # a free column, so that no run goes on in the next row
    padded = np.zeros((height, stride), np.int8)
    padded[:, :width] = inside
    change = np.diff(padded.ravel(), prepend=0)
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    first = np.searchsorted(ends, starts + stride, 'left')  # the runs of the next row that a run touches
    number = np.maximum(np.searchsorted(starts, ends + stride, 'right') - first, 0)
    upper = np.repeat(np.arange(len(starts)), number)
    lower = np.arange(len(upper)) - np.repeat(np.cumsum(number) - number, number) + np.repeat(first, number)
    part = np.arange(len(starts))
    while True:
        least = np.minimum(part[upper], part[lower])
        joined = part.copy()
        np.minimum.at(joined, part[upper], least)
        np.minimum.at(joined, part[lower], least)
        joined = joined[joined]
        if (joined == part).all():
            break
        part = joined
    _, part = np.unique(part, return_inverse=True)
    count = int(part.max(initial=-1)) + 1
    boxes = np.tile([width, height, 0, 0], (count, 1))
    rows, columns = starts // stride, starts % stride
    np.minimum.at(boxes[:, 0], part, columns)
    np.minimum.at(boxes[:, 1], part, rows)
    np.maximum.at(boxes[:, 2], part, columns + ends - starts)
    np.maximum.at(boxes[:, 3], part, rows + 1)
    return np.bincount(part, ends - starts, minlength=count).astype(np.int64), boxes


def class_figures(label: np.ndarray, score: np.ndarray, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the tables say of each class in one frame.

    Args:
        label: uint8 (H, W), 0 background, ``k + 1`` class k, 255 left out.
        score: float (H, W) in [0, 1], how probable the label is.
        classes: Names of the K classes.

    Returns:
        dict: by class ``area``, its share of the pixels that are not left out, in [0, 1]; ``score``, the mean over its
        pixels, None without one; ``components``, its connected parts; ``box``, around the largest of them, as shares of
        width and height, None without one.
    """
    height, width = label.shape
    counted = max(int((label != IGNORED).sum()), 1)
    figures: dict[str, dict[str, Any]] = {}
    for value, name in enumerate(classes, 1):
        inside = label == value
        sizes, boxes = parts_of(inside)
        found: dict[str, Any] = {'area': round(float(sizes.sum()) / counted, 6), 'components': len(sizes)}
        found.update(score=None, box=None)
        if len(sizes):
            box = boxes[int(sizes.argmax())] / (width, height, width, height)
            found.update(score=round(float(score[inside].mean()), 4), box=[round(float(share), 4) for share in box])
        figures[name] = found
    return figures


def area_row(frame: Mapping[str, Any], figures: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """A line of ``area.csv``.

    Args:
        frame: Some of :data:`FRAME_COLUMNS`.
        figures: From :func:`class_figures`; empty for a frame that failed.
    """
    row = {column: '' if frame.get(column) is None else str(frame[column]) for column in FRAME_COLUMNS}
    for name, found in figures.items():
        row[f'area_{name}'] = f'{found["area"]:.6f}'
        row[f'components_{name}'] = str(found['components'])
        if found['box'] is not None:
            row[f'score_{name}'] = f'{found["score"]:.4f}'
            row.update({f'{key}_{name}': f'{share:.4f}' for key, share in zip(CLASS_COLUMNS[3:], found['box'])})
    return row


@dataclass(frozen=True)
class EventRule:
    """When a class counts as being there.

    An event begins where ``need`` of the last ``window`` frames of a camera count, and goes on until none of the last
    ``window`` does.

    Attributes:
        area: Share of the frame, in (0, 1], from which on a frame counts.
        need: k, that many frames must count,
        window: n, of so many. A frame that failed is passed over.

    Raises:
        ValueError: If a value is out of its range.
    """

    area: float = 0.001
    need: int = 3
    window: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.area <= 1:
            raise ValueError(f'Expected an area of events in (0, 1], but got {self.area}.')
        if not 1 <= self.need <= self.window:
            raise ValueError(f'Expected 1 <= k <= n for events in k of n frames, but got {self.need} of {self.window}.')


@dataclass
class Event:
    """A class that stayed: from the first to the last frame that counted.

    Attributes:
        event: Number, from 1.
        camera: Where.
        name: Which class; the column is called ``class``.
        start: Time of the first frame that counted: ISO 8601 where it is known, else seconds, else empty.
        end: Of the last one.
        peak: Of the one with the largest area.
        start_source: Its picture or film; ``start_frame`` its number there; likewise of the others.
        peak_area: Share of the frame.
        peak_score: Mean probability.
        frames: Number of frames that counted.
        status: ``'open'`` where it had not ended with the last frame, else ``'closed'``.
    """

    event: int
    camera: str
    name: str
    start: str
    end: str
    peak: str
    start_source: str
    start_frame: str
    end_source: str
    end_frame: str
    peak_source: str
    peak_frame: str
    peak_area: float
    peak_score: float
    frames: int
    status: str


EVENT_COLUMNS = tuple('class' if field.name == 'name' else field.name for field in fields(Event))


class Events:
    """Finds events, frame by frame; keeps of each camera and class no more than the window.

    Args:
        rule: When a class counts as being there.

    Attributes:
        found: The events, in the order in which they began to count.
    """

    def __init__(self, rule: EventRule) -> None:
        self.rule = rule
        self.found: list[Event] = []
        self._windows: dict[tuple[str, str], deque[tuple[dict[str, str], float, float] | None]] = {}
        self._open: dict[tuple[str, str], Event] = {}

    def add(self, row: Mapping[str, str], figures: Mapping[str, Mapping[str, Any]]) -> list[Event]:
        """Take in the next frame; frames of one camera come in the order of time.

        Args:
            row: Its line of ``area.csv``.
            figures: From :func:`class_figures`.

        Returns:
            Events that began, ended or grew with this frame.
        """
        changed = []
        frame = {key: row[key] for key in ('camera', 'source', 'frame')} | {'time': row['time'] or row['time_s']}
        for name, found in figures.items():
            key = (frame['camera'], name)
            window = self._windows.setdefault(key, deque(maxlen=self.rule.window))
            counts = found['area'] >= self.rule.area
            window.append((frame, found['area'], found['score'] or 0.0) if counts else None)
            positive = [item for item in window if item is not None]
            event = self._open.get(key)
            if event is None and len(positive) >= self.rule.need:
                event = self._open[key] = self._begin(key, positive)
                changed.append(event)
            elif event is not None and counts:
                _extend(event, *positive[-1])
                changed.append(event)
            elif event is not None and not positive:
                event.status = 'closed'
                del self._open[key]
                changed.append(event)
        return changed

    def _begin(self, key: tuple[str, str], positive: Sequence[tuple[dict[str, str], float, float]]) -> Event:
        first = positive[0][0]
        place = (first['source'], first['frame'])
        event = Event(
            len(self.found) + 1, *key, first['time'], '', '', *place, *place, *place, -1.0, 0.0, 0, 'open'
        )  # fmt: skip
        for item in positive:
            _extend(event, *item)
        self.found.append(event)
        return event

    def write(self, path: str | Path) -> None:
        """Write ``events.csv``, whole or not at all."""
        path = Path(path)
        temporary = path.with_name(f'.{path.name}.tmp')
        with open(temporary, 'w', newline='', encoding='utf-8') as handle:
            table = csv.DictWriter(handle, EVENT_COLUMNS, lineterminator='\n')
            table.writeheader()
            for event in self.found:
                row = asdict(event)
                row['class'] = row.pop('name')
                table.writerow({**row, 'peak_area': f'{event.peak_area:.6f}', 'peak_score': f'{event.peak_score:.4f}'})
        os.replace(temporary, path)


def _extend(event: Event, frame: Mapping[str, str], area: float, score: float) -> None:
    event.end, event.end_source, event.end_frame = frame['time'], frame['source'], frame['frame']
    event.frames += 1
    if area > event.peak_area:
        event.peak, event.peak_source, event.peak_frame = frame['time'], frame['source'], frame['frame']
        event.peak_area, event.peak_score = area, score


_TIME = re.compile(r'(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_T. ]?(\d\d)[-_:.h]?(\d\d)[-_:.m]?(\d\d)(?!\d)')


def time_in(name: str) -> datetime | None:
    """The time that a file's name says, taken as UTC; None where it says none.

    >>> time_in('north/2024-07-31T14-05-09.jpg').isoformat()
    '2024-07-31T14:05:09+00:00'
    >>> time_in('north/IMG_1234.jpg')
    """
    for found in _TIME.finditer(name):
        try:
            year, month, day, hour, minute, second = map(int, found.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
        except ValueError:  # numbers that are no time
            continue
    return None


def iso_time(time: datetime | None) -> str:
    """ISO 8601 in UTC; empty for None."""
    if time is None:
        return ''
    return time.astimezone(timezone.utc).isoformat(timespec='milliseconds').replace('+00:00', 'Z')


def resize(plane: np.ndarray, size: tuple[int, int], align_corners: bool = False) -> np.ndarray:
    """Bilinear values between the centres of cells, as PyTorch's ``interpolate`` and OpenCV's ``resize`` give them.

    Pillow's own ``resize`` averages where it shrinks, and differs.

    Args:
        plane: float32 (h, w).
        size: Height and width.
        align_corners: Whether the corners' centres meet.

    Returns:
        np.ndarray: float32 of the size.
    """
    (h, w), (height, width) = plane.shape, size
    if (h, w) == (height, width):
        return plane
    if align_corners:
        sx, sy = ((w - 1) / max(width - 1, 1), (h - 1) / max(height - 1, 1))
        matrix = (sx, 0, 0.5 - 0.5 * sx, 0, sy, 0.5 - 0.5 * sy)
    else:
        matrix = (w / width, 0, 0, 0, h / height, 0)
    padded = np.pad(plane, 1, mode='edge')  # Pillow leaves cells open whose neighbours lie outside
    matrix = (*matrix[:2], matrix[2] + 1, *matrix[3:5], matrix[5] + 1)
    image = Image.fromarray(padded.astype(np.float32))
    return np.asarray(image.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))


def read_picture(path: str | Path) -> np.ndarray:
    """A picture as uint8 RGB (H, W, 3), turned as its EXIF data say."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert('RGB'))


def open_session(path: str | Path, threads: int = 0) -> Any:
    """An ``onnxruntime.InferenceSession`` of a file.

    Args:
        path: The ONNX file.
        threads: Threads of the processor; 0 leaves it to onnxruntime.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no ONNX network, or onnxruntime is missing.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'Expected an ONNX network in {path}, but there is no such file.')
    try:
        import onnxruntime  # not for the tables alone
    except ModuleNotFoundError as error:
        raise ValueError('Expected the package onnxruntime. Install it with: pip install onnxruntime') from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    except Exception as error:  # onnxruntime's own have no base of their own
        raise ValueError(f'Expected an ONNX network in {path}, but {error}') from error


class Segmentor:
    """A segmentor that ``mmwsss`` exported.

    Args:
        path: The ONNX file.
        threads: Threads of the processor; 0 leaves it to onnxruntime.
        session: What :func:`open_session` gives, where it is open already.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file does not say what its classes are.
    """

    def __init__(self, path: str | Path, threads: int = 0, session: Any = None) -> None:
        self.session = open_session(path, threads) if session is None else session
        kept = self.session.get_modelmeta().custom_metadata_map
        if 'classes' not in kept or 'size' not in kept:
            raise ValueError(f'Expected a network that mmwsss exported (with classes and size) in {path}.')
        self.classes: list[str] = json.loads(kept['classes'])
        self.size: tuple[int, int] = tuple(json.loads(kept['size']))
        self.align_corners: bool = json.loads(kept.get('align_corners', 'false'))
        self.palette: list[list[int]] = json.loads(kept.get('palette', '[]'))
        self.threshold = float(kept.get('threshold', 0.3))  # of maps; a segmentor's is inside its weights

    def _run(self, picture: np.ndarray) -> list[np.ndarray]:
        """The outputs for a picture, uint8 RGB (H, W, 3), without the batch."""
        planes = [np.rint(resize(plane.astype(np.float32), self.size)) for plane in picture.transpose(2, 0, 1)]
        return [output[0] for output in self.session.run(None, {'image': np.stack(planes)[None].astype(np.float32)})]

    def logits(self, picture: np.ndarray) -> np.ndarray:
        """The head's logits, float32 (C, h, w), of a picture, uint8 RGB (H, W, 3)."""
        return self._run(picture)[0]

    def __call__(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels and probabilities of a picture.

        Args:
            picture: uint8 RGB (H, W, 3).

        Returns:
            tuple: uint8 (H, W), 0 background; float32 (H, W), the probability of the label.
        """
        best = np.full(picture.shape[:2], -np.inf, np.float32)
        total = np.zeros_like(best)
        label = np.zeros(best.shape, np.uint8)
        planes = [self._full(plane, picture.shape[:2]) for plane in self.logits(picture)]
        for value, plane in enumerate(planes):
            higher = plane > best
            label[higher] = value
            best = np.maximum(best, plane)
        for plane in planes:
            total += np.exp(plane - best)
        return label, 1 / total

    def _full(self, plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return resize(resize(plane, self.size, self.align_corners), size, self.align_corners)

    def save(self, label: np.ndarray, path: Path) -> None:
        """Write a mask as an indexed PNG."""
        image = Image.fromarray(label)
        if self.palette:
            image.putpalette(sum(self.palette, []))
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f'.{path.name}.tmp')
        image.save(temporary, format='PNG')
        os.replace(temporary, path)


class ClassMaps(Segmentor):
    """A classifier with class maps that ``mmwsss`` exported: maps of the classes that it sees, cut at its threshold."""

    def __call__(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels and values of the maps of a picture.

        Args:
            picture: uint8 RGB (H, W, 3).

        Returns:
            tuple: uint8 (H, W), 0 background; float32 (H, W) in [0, 1], the map of the label, each map divided by its
            maximum; of the background 1 - the highest map.
        """
        maps, scores = self._run(picture)
        best = np.zeros(picture.shape[:2], np.float32)
        label = np.zeros(best.shape, np.uint8)
        for value, (plane, score) in enumerate(zip(maps, scores), 1):
            if score > 0.5:
                full = self._full(plane, (picture.shape[0], picture.shape[1]))
                full = full / max(float(full.max()), 1e-12)
                higher = full > best
                label[higher] = value
                best = np.maximum(best, full)
        label[best <= self.threshold] = 0
        return label, np.where(label > 0, best, 1 - best)


def open_network(path: str | Path, threads: int = 0) -> Segmentor:
    """A network that ``mmwsss`` exported, whichever kind it is; see :class:`Segmentor` for arguments and errors."""
    session = open_session(path, threads)
    is_classifier = session.get_modelmeta().custom_metadata_map.get('kind') == '"class_maps"'
    return (ClassMaps if is_classifier else Segmentor)(path, threads, session)


def pictures_of(source: Path) -> Iterator[tuple[Path, Path]]:
    """Pictures of a file or folder, each with its path below it."""
    if source.is_file():
        yield source, Path(source.name)
        return
    if not source.is_dir():
        raise FileNotFoundError(f'Expected a picture or a folder in {source}, but there is none.')
    for path in sorted(source.rglob('*')):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield path, path.relative_to(source)


def run(
    model: str | Path, source: str | Path, out: str | Path, threads: int = 0, rule: EventRule | None = None
) -> dict[str, float]:
    """Write masks, ``area.csv`` and ``events.csv`` of pictures; a bad picture is recorded, and the others go on.

    The camera of a picture is its folder.

    Returns:
        dict: ``pictures``, ``failed``, ``events``, ``seconds``.
    """
    segmentor, source, out = open_network(model, threads), Path(source), Path(out)
    events, classes = Events(rule or EventRule()), segmentor.classes[1:]
    out.mkdir(parents=True, exist_ok=True)
    start, count, failed = time.perf_counter(), 0, 0
    with open(out / 'area.csv', 'w', newline='', encoding='utf-8') as handle:
        table = csv.DictWriter(handle, area_columns(classes), lineterminator='\n')
        table.writeheader()
        for path, name in pictures_of(source):
            frame = {'camera': name.parent.as_posix(), 'source': name.as_posix(), 'frame': 0, 'status': 'ok'}
            frame.update(camera='' if frame['camera'] == '.' else frame['camera'], time=iso_time(time_in(name.name)))
            count += 1
            try:
                label, score = segmentor(read_picture(path))
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
                failed += 1
                print(f'{path}: {error}', file=sys.stderr)
                table.writerow(area_row({**frame, 'status': 'failed'}, {}))
                continue
            segmentor.save(label, out / 'masks' / name.with_name(name.name + '.png'))
            figures = class_figures(label, score, classes)
            row = area_row(frame, figures)
            table.writerow(row)
            events.add(row, figures)
    if not count:
        raise FileNotFoundError(f'Expected pictures ({", ".join(SUFFIXES)}) in {source}, but there are none.')
    events.write(out / 'events.csv')
    seconds = time.perf_counter() - start
    return {'pictures': count, 'failed': failed, 'events': len(events.found), 'seconds': seconds}


def parse_rule(area: float, words: str) -> EventRule:
    """A rule of its area and of ``'3/5'``, three of five frames.

    Raises:
        ValueError: If the words are no such numbers.
    """
    found = re.fullmatch(r'(\d+)/(\d+)', words)
    if found is None:
        raise ValueError(f'Expected events in k of n frames as K/N, for example 3/5, but got {words!r}.')
    return EventRule(area, int(found[1]), int(found[2]))


def main() -> None:
    """Entry point; exit code 1 where a picture failed, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help='ONNX file that mmwsss exported')
    parser.add_argument('source', help='picture or folder')
    parser.add_argument('--out', required=True, help='folder for masks/, area.csv and events.csv')
    parser.add_argument('--threads', type=int, default=0, help='threads of the processor; 0: all')
    parser.add_argument(
        '--event-area', type=float, default=0.001, help='share of the frame that counts; default: 0.001'
    )
    parser.add_argument(
        '--event-frames', default='3/5', metavar='K/N', help='an event is in K of N frames; default: 3/5'
    )
    args = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors='backslashreplace')  # a terminal that lacks a letter gets its number
    try:
        rule = parse_rule(args.event_area, args.event_frames)
        done = run(args.model, args.source, args.out, args.threads, rule)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(2)
    rate = done['pictures'] / max(done['seconds'], 1e-9)
    counts = ', '.join(f'{done[key]:.0f} {key}' for key in ('pictures', 'failed', 'events'))
    print(f'{counts}, {rate:.1f} a second')
    sys.exit(1 if done['failed'] else 0)


if __name__ == '__main__':
    main()
