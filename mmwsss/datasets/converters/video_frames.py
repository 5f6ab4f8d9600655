"""Frames of video clips as class sub-folders of pictures."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmwsss.datasets.converters.rise_labels import label_of_state, state_of
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import atomic_write, read_json
from mmwsss.utils.progress import Progress

SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')
LABELS = 'labels.csv'
"""Written beside the class folders where votes are kept."""


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
        raise InputError(f"Expected frames 'all', 'first', 'first_middle' or a number, but got {choice!r}.")
    return sorted({int(place) for place in np.linspace(0, total - 1, min(int(choice), total))})


def read_labels(path: str | Path, agreement: str = 'majority') -> dict[str, str | None]:
    """Class by a clip's name or path (without suffix); None where its label is undecided.

    Args:
        path: A JSON list of ``file_name`` and ``label_state`` (RISE, IJmond; ``label_state_admin`` goes before it), or
            a CSV of video and label.
        agreement: Which of the JSON's labels count; see :data:`~mmwsss.datasets.converters.rise_labels.AGREEMENTS`.

    Raises:
        ValueError: If the file is neither, or two entries of a clip contradict; names the entry.
    """
    return {key: label for key, (label, _) in read_votes(path, agreement).items()}


def read_votes(path: str | Path, agreement: str = 'majority') -> dict[str, tuple[str | None, tuple[int, int] | None]]:
    """As :func:`read_labels`, with the votes for and against the class; None where nobody doubts it."""
    path = Path(path)
    found: dict[str, tuple[str | None, tuple[int, int] | None]] = {}
    is_csv = path.suffix.lower() == '.csv'
    for where, name, label, votes in _labelled_csv(path) if is_csv else _labelled_json(path, agreement):
        key = _stem(name)
        if found.setdefault(key, (label, votes))[0] != label:
            raise InputError(
                f'Expected one label of the clip {key}, but {path} has {found[key][0]!r} and {label!r} ({where}).'
            )
    return found


_Labelled = Iterator[tuple[str, str, 'str | None', 'tuple[int, int] | None']]
"""Place, name, class and votes."""


def _labelled_csv(path: Path) -> _Labelled:
    try:
        with open(path, encoding='utf-8-sig', newline='') as handle:
            rows = [row for row in csv.reader(handle) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f'Expected a CSV file in UTF-8 in {path}, but {error}.') from error
    for number, row in enumerate(rows, 1):
        if len(row) != 2 or not row[0].strip() or not row[1].strip():
            raise InputError(f'Expected the columns video,label in {path}, row {number}, but got {",".join(row)!r}.')
    has_header = bool(rows) and Path(rows[0][0]).suffix.lower() not in SUFFIXES
    for number, (name, label) in enumerate(rows[has_header:], 1 + has_header):
        yield f'row {number}', name.strip(), label.strip(), None


def _labelled_json(path: Path, agreement: str) -> _Labelled:
    content = read_json(path)
    entries = content.get('data', []) if isinstance(content, Mapping) else content
    if not isinstance(entries, list):
        raise InputError(f'Expected a list of file_name and label_state in {path}, but got {type(entries).__name__}.')
    for number, entry in enumerate(entries):
        where = f'{path}, entry {number}'
        if not isinstance(entry, Mapping) or 'file_name' not in entry or 'label_state' not in entry:
            raise InputError(f'Expected file_name and label_state in {where}, but got {entry!r}.')
        label, votes = label_of_state(state_of(entry, where), agreement)
        yield f'entry {number}', str(entry['file_name']), label, votes


def _stem(name: str) -> str:
    name = name.replace('\\', '/').removeprefix('./')
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in SUFFIXES else name


def _frames(path: Path, choice: str) -> Iterator[tuple[int, np.ndarray]]:
    """Frames BGR with their numbers; clips are read from the start, because seeking is not exact in every format."""
    clip = cv2.VideoCapture(str(path))
    try:
        total = int(clip.get(cv2.CAP_PROP_FRAME_COUNT))
        if not clip.isOpened() or total < 1:
            raise InputError(f'Expected a video in {path}, but it cannot be read.')
        wanted = set(frame_numbers(choice, total))
        for number in range(max(wanted) + 1):
            good, frame = clip.read()
            if not good:
                raise InputError(f'Expected {total} frames in {path}, but frame {number} cannot be read.')
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
    agreement: str = 'majority',
) -> tuple[Counter, dict[str, str]]:
    """Write frames as ``<out_dir>/<class>/<folders>/<clip>_<number>.jpg``; a second call goes on where it stopped.

    The folders that clips are in are kept, so that clips of one name stay apart; where two clips of one folder differ
    in their suffix alone, it stays in the name.

    Args:
        videos: Folder that is searched for clips; hidden files and folders are passed over.
        out_dir: Output folder.
        frames: See :func:`frame_numbers`.
        labels: See :func:`read_labels`; without it a clip's class is the name of its folder.
        classes: Only these classes (for example RISE's ``no_smoke``).
        agreement: Which of RISE's labels count. Where it is more than ``'agreed'`` and there are votes, ``labels.csv``
            in the output folder has every picture with the votes of its clip: ``path,label,votes_for,votes_against``.

    Returns:
        Pictures by class, with ``clips`` and ``without_label``; and the reason by path of each clip that failed.

    Raises:
        FileNotFoundError: If there is no clip.
    """
    frame_numbers(frames, 1)  # a wrong choice stops here
    voted = None if labels is None else read_votes(labels, agreement)
    known = None if voted is None else {key: label for key, (label, _) in voted.items()}
    videos = Path(videos)
    paths = [path.relative_to(videos) for path in sorted(videos.rglob('*')) if path.suffix.lower() in SUFFIXES]
    paths = [path for path in paths if not any(part.startswith('.') for part in path.parts)]
    if not paths:
        raise MissingFileError(f'Expected video clips ({", ".join(SUFFIXES)}) below {videos}, but there are none.')
    names = Counter(path.stem for path in paths)
    places = Counter(path.with_suffix('') for path in paths)
    counts: Counter = Counter(clips=0, without_label=0)
    failed: dict[str, str] = {}
    with Progress(len(paths), 'clips') as progress:
        for path in paths:
            progress.update()
            try:
                label, inside = _label_of(path, videos, known, names)
                if label is None:
                    counts['without_label'] += 1
                elif classes is None or label in classes:
                    stem = path.name if places[path.with_suffix('')] > 1 else path.stem
                    counts[label] += _extract(videos / path, Path(out_dir) / label / inside, stem, frames)
                    counts['clips'] += 1
            except (ValueError, OSError) as error:
                failed[str(videos / path)] = str(error)
    if voted is not None and agreement != 'agreed' and any(votes for _, votes in voted.values()):
        _write_votes(Path(out_dir), voted)
    return counts, failed


def _write_votes(out_dir: Path, voted: Mapping[str, tuple[str | None, tuple[int, int] | None]]) -> None:
    """``labels.csv`` of all pictures that there are."""
    rows: list[list[Any]] = [['path', 'label', 'votes_for', 'votes_against']]
    for path in sorted(out_dir.rglob('*.jpg')):
        inside = path.relative_to(out_dir)
        clip = Path(*inside.parts[1:]).with_suffix('').as_posix().rsplit('_', 1)[0]
        votes = voted.get(_stem(clip), voted.get(_stem(clip).rsplit('/', 1)[-1], (None, None)))[1]
        rows.append([inside.as_posix(), inside.parts[0], *(votes or ('', ''))])
    with atomic_write(out_dir / LABELS) as handle:
        csv.writer(handle, lineterminator='\n').writerows(rows)


def _label_of(
    path: Path, videos: Path, known: Mapping[str, str | None] | None, names: Mapping[str, int]
) -> tuple[str | None, Path]:
    """Class of a clip, and the folders that it keeps.

    Raises:
        ValueError: If the labels name it by a name that several clips have, or it is in no class folder.
    """
    if known is None:
        return (path.parent.name or videos.resolve().name), path.parent.parent
    whole = path.with_suffix('').as_posix()
    if whole in known:
        return known[whole], path.parent
    if path.stem in known and names[path.stem] > 1:
        raise InputError(
            f'Expected the folder of the clip {path} in the labels, because {names[path.stem]} clips are called '
            f'{path.stem}, but they name it without.'
        )
    return known.get(path.stem), path.parent


def _extract(path: Path, folder: Path, stem: str, frames: str) -> int:
    marker = folder / '.finished' / f'{stem}.{frames}'
    if marker.exists():
        return int(marker.read_text(encoding='utf-8'))
    number = 0
    for index, frame in _frames(path, frames):
        good, encoded = cv2.imencode('.jpg', frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
        if not good:
            raise InputError(f'Expected frame {index} of {path} to be written as JPEG, but it cannot be.')
        with atomic_write(folder / f'{stem}_{index:05d}.jpg', 'wb') as handle:
            handle.write(encoded.tobytes())
        number += 1
    with atomic_write(marker) as handle:
        handle.write(str(number))
    return number
