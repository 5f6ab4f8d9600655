"""Frames of video clips as class sub-folders of pictures."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from mmwsss.utils.files import atomic_write, read_json
from mmwsss.utils.progress import Progress

SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')
RISE_LABELS = {47: 'smoke', 23: 'smoke', 32: 'no_smoke', 16: 'no_smoke'}
"""RISE's and IJmond's ``label_state`` (researchers' and citizens' agreement) as classes; other states are undecided."""


def frame_numbers(choice: str, total: int) -> list[int]:
    """Which frames of a clip.

    Args:
        choice: ``'all'``, ``'first'``, ``'first_middle'`` (the method's paper), or a number of evenly spread frames.
        total: Number of frames of the clip.

    Raises:
        ValueError: If the choice is none of those.
    """
    if choice == 'all':
        return list(range(total))
    if choice == 'first':
        return [0]
    if choice == 'first_middle':
        return sorted({0, total // 2})
    if not choice.isdigit() or int(choice) < 1:
        raise ValueError(f"Expected frames 'all', 'first', 'first_middle' or a number, but got {choice!r}.")
    return sorted({int(place) for place in np.linspace(0, total - 1, min(int(choice), total))})


def read_labels(path: str | Path) -> dict[str, str | None]:
    """Class by a clip's name (without suffix); None where its label is undecided.

    Args:
        path: A JSON list of ``file_name`` and ``label_state`` (RISE, IJmond), or a CSV of video and label.

    Raises:
        ValueError: If the file is neither; names the entry.
    """
    path = Path(path)
    if path.suffix == '.csv':
        with open(path, encoding='utf-8-sig', newline='') as handle:
            rows = [row for row in csv.reader(handle) if row]
        if any(len(row) != 2 for row in rows[1:]):
            raise ValueError(f'Expected the columns video,label in {path}.')
        return {Path(name).stem: label for name, label in rows[1:]}
    content = read_json(path)
    entries = content.get('data', []) if isinstance(content, Mapping) else content
    labels = {}
    for number, entry in enumerate(entries):
        if not isinstance(entry, Mapping) or 'file_name' not in entry or 'label_state' not in entry:
            raise ValueError(f'Expected file_name and label_state in {path}, entry {number}, but got {entry!r}.')
        labels[_stem(entry['file_name'])] = RISE_LABELS.get(int(entry['label_state']))
    return labels


def _stem(name: str) -> str:
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in SUFFIXES else name


def _frames(path: Path, choice: str) -> Iterator[tuple[int, np.ndarray]]:
    """Frames BGR with their numbers; clips are read from the start, because seeking is not exact in every format."""
    clip = cv2.VideoCapture(str(path))
    try:
        total = int(clip.get(cv2.CAP_PROP_FRAME_COUNT))
        if not clip.isOpened() or total < 1:
            raise ValueError(f'Expected a video in {path}, but it cannot be read.')
        wanted = set(frame_numbers(choice, total))
        for number in range(max(wanted) + 1):
            good, frame = clip.read()
            if not good:
                raise ValueError(f'Expected {total} frames in {path}, but frame {number} cannot be read.')
            if number in wanted:
                yield number, frame
    finally:
        clip.release()


def extract_frames(
    videos: str | Path,
    out_dir: str | Path,
    frames: str = 'first_middle',
    labels: str | Path | None = None,
    classes: Sequence[str] | None = None,
) -> tuple[Counter, dict[str, str]]:
    """Write frames as ``<out_dir>/<class>/<clip>_<number>.jpg``; a second call goes on where the first one stopped.

    Args:
        videos: Folder that is searched for clips.
        out_dir: Output folder.
        frames: See :func:`frame_numbers`.
        labels: See :func:`read_labels`; without it a clip's class is the name of its folder.
        classes: Only these classes (for example RISE's ``no_smoke``).

    Returns:
        Pictures by class, with ``clips`` and ``without_label``; and the reason by path of each clip that failed.

    Raises:
        FileNotFoundError: If there is no clip.
    """
    frame_numbers(frames, 1)  # a wrong choice stops here
    known = None if labels is None else read_labels(labels)
    paths = sorted(path for path in Path(videos).rglob('*') if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise FileNotFoundError(f'Expected video clips ({", ".join(SUFFIXES)}) below {videos}, but there are none.')
    counts: Counter = Counter(clips=0, without_label=0)
    failed: dict[str, str] = {}
    with Progress(len(paths), 'clips') as progress:
        for path in paths:
            label = path.parent.name if known is None else known.get(path.stem)
            if label is None:
                counts['without_label'] += 1
            elif classes is None or label in classes:
                try:
                    counts[label] += _extract(path, Path(out_dir), label, frames)
                    counts['clips'] += 1
                except ValueError as error:
                    failed[str(path)] = str(error)
            progress.update()
    return counts, failed


def _extract(path: Path, out_dir: Path, label: str, frames: str) -> int:
    folder = out_dir / label
    marker = folder / '.finished' / f'{path.stem}.{frames}'
    if marker.exists():
        return int(marker.read_text())
    number = 0
    for index, frame in _frames(path, frames):
        good, encoded = cv2.imencode('.jpg', frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
        if not good:
            raise ValueError(f'Expected frame {index} of {path} to be written as JPEG, but it cannot be.')
        with atomic_write(folder / f'{path.stem}_{index:05d}.jpg', 'wb') as handle:
            handle.write(encoded.tobytes())
        number += 1
    with atomic_write(marker) as handle:
        handle.write(str(number))
    return number
