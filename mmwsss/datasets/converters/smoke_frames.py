"""Test crops of full camera frames with COCO masks, as the method's paper cuts them, and as plain windows."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from mmwsss.datasets.converters.coco_file import CocoFile, size_of
from mmwsss.datasets.metainfo import png_palette
from mmwsss.datasets.pictures import read_picture
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import atomic_write, write_json
from mmwsss.utils.progress import Progress

CLASSES = ('no_smoke', 'smoke')


@dataclass(frozen=True)
class WindowRule:
    """How windows are cut from a frame.

    Attributes:
        side: Side of the square windows in pixels.
        stride: Step between windows.
        cut_top: Share of rows cut off first (the camera's overlay).
        cut_left: Share of columns cut off first.
        min_share: Least share of smoke in a smoke window.
        keep: Most smoke windows of a frame, those with most smoke; None keeps all.
        clear: Most smoke-free windows of a frame, and no more than its smoke windows; None keeps all.
    """

    side: int = 512
    stride: int = 128
    cut_top: float = 0.12
    cut_left: float = 0.24
    min_share: float = 0.005
    keep: int | None = 3
    clear: int | None = 3


PROTOCOLS = {
    'paper': WindowRule(),
    'plain': WindowRule(stride=512, keep=None, clear=None),
}
"""``'paper'``: overlapping windows, the three smokiest of a frame; smoke-free ones at random. ``'plain'``: disjoint
windows, all of them, so that false alarms on smoke-free scenes are measured too."""


def choose_windows(
    mask: np.ndarray, rule: WindowRule, rng: np.random.Generator, unsure: np.ndarray | None = None
) -> list[tuple[int, int, int, float]]:
    """Windows (y, x, label, share of smoke) of a frame, smoke first; those with too little smoke are left out.

    Args:
        mask: bool (H, W), where smoke is.
        rule: How windows are cut.
        rng: Draws the smoke-free windows.
        unsure: bool (H, W), where nobody knows: windows that touch it are left out.
    """
    height, width = mask.shape
    top, left = int(rule.cut_top * height), int(rule.cut_left * width)
    ys = range(top, height - rule.side + 1, rule.stride)
    xs = range(left, width - rule.side + 1, rule.stride)
    places = [(y, x, (slice(y, y + rule.side), slice(x, x + rule.side))) for y in ys for x in xs]
    windows = [(y, x, float(mask[place].mean())) for y, x, place in places if unsure is None or not unsure[place].any()]
    smoke = [window for window in windows if window[2] >= rule.min_share and window[2] > 0]
    if rule.keep is not None:
        smoke = sorted(smoke, key=lambda window: -window[2])[: rule.keep]
    clear = [window for window in windows if window[2] == 0]
    if rule.clear is not None:
        order = rng.permutation(len(clear))[: min(rule.clear, len(smoke))]
        clear = [clear[index] for index in sorted(order)]
    return [(y, x, 1, share) for y, x, share in smoke] + [(y, x, 0, 0.0) for y, x, _ in clear]


def smoke_mask(
    annotations: Sequence[Mapping[str, Any]],
    height: int,
    width: int,
    wanted: frozenset[int] | set[int],
    file: CocoFile,
) -> tuple[np.ndarray, np.ndarray]:
    """Union of the polygons and run-length codes of some categories, bool (H, W), and where there may be more.

    The second mask holds the boxes of annotations whose segmentation is missing or cannot be read: no window is cut
    there.
    """
    mask, unsure = np.zeros((height, width), bool), np.zeros((height, width), bool)
    for annotation in annotations:
        if annotation['category_id'] in wanted:
            part, box = file.region(annotation, height, width)
            mask |= False if part is None else part
            unsure |= False if box is None else box
    return mask, unsure


def _wanted(file: CocoFile, name: str) -> set[int]:
    found = {c['id'] for c in file.categories if name in (c.get('name'), c.get('supercategory'))}
    if not found:
        known = [(c.get('supercategory'), c.get('name')) for c in file.categories]
        raise InputError(f'Expected a category or supercategory {name!r} in {file.path}, but it has {known}.')
    return found


def convert_frames(
    annotation_file: str | Path,
    frames: str | Path,
    out_dir: str | Path,
    protocol: str = 'paper',
    category: str = 'smoke',
    split: str = 'test',
    seed: int = 0,
) -> Counter:
    """Cut windows of annotated frames.

    The layout is ``img_dir/<split>``, ``ann_dir/<split>``, ``annotations/<split>.json`` and
    ``provenance/provenance_<split>.csv``, with the frame of each window in ``source_photo`` (to split by photo).
    Windows have the sub-folders of their frames.

    Args:
        annotation_file: COCO JSON with polygons or run-length codes.
        frames: Folder of the frames.
        out_dir: Output folder.
        protocol: A key of :data:`PROTOCOLS`.
        category: Name of the category, or of the supercategory whose categories are merged.
        split: Name of the split.
        seed: Draws the smoke-free windows of the paper's protocol (the paper's code draws without a seed).

    Returns:
        Counter: ``frames``, ``smoke`` and ``no_smoke`` windows, and what of the file was left out.

    Raises:
        FileNotFoundError: If a frame is missing.
        ValueError: If the protocol is unknown, the file is no COCO file, or a frame has another size than it says.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f'Expected a protocol of {list(PROTOCOLS)}, but got {protocol!r}.')
    rule, out_dir, annotation_file = PROTOCOLS[protocol], Path(out_dir), Path(annotation_file)
    file = CocoFile.read(annotation_file)
    wanted = _wanted(file, category)
    counts: Counter = Counter(frames=0, smoke=0, no_smoke=0)
    entries: list[dict[str, Any]] = []
    provenance: list[tuple] = [('id', 'label', 'source_photo', 'y', 'x', 'side', 'smoke_frac')]
    with Progress(len(file.images), 'frames') as progress:
        for image in file.images:
            path = Path(frames) / image['file_name']
            if not path.is_file():
                raise MissingFileError(f'Expected the frame {path} of {annotation_file}, but there is none.')
            img = read_picture(path)
            height, width = img.shape[:2]
            if (size_of(image) or (height, width)) != (height, width):
                raise InputError(
                    f'Expected {path} to be {image["height"]} x {image["width"]} (H x W) as {annotation_file} says, '
                    f'but it is {height} x {width}.'
                )
            mask, unsure = smoke_mask(file.annotations.get(image['id'], []), height, width, wanted, file)
            digest = hashlib.sha256(image['file_name'].encode()).hexdigest()
            rng = np.random.default_rng([seed, int(digest[:8], 16)])
            for y, x, label, share in choose_windows(mask, rule, rng, unsure):
                name = f'{PurePosixPath(image["file_name"]).with_suffix("")}_{digest[:6]}_{y}_{x}'
                window = (slice(y, y + rule.side), slice(x, x + rule.side))
                _save(out_dir, split, name, img[window], mask[window])
                entries.append({'img_path': f'{name}.jpg', 'gt_label': label})
                provenance.append((name, label, image['file_name'], y, x, rule.side, round(share, 5)))
                counts[CLASSES[label]] += 1
            counts['frames'] += 1
            progress.update()
    counts.update({f'left out: {reason} (first {file.examples[reason]})': n for reason, n in file.left_out.items()})
    write_json(
        out_dir / 'annotations' / f'{split}.json', {'metainfo': {'classes': list(CLASSES)}, 'data_list': entries}
    )
    with atomic_write(out_dir / 'provenance' / f'provenance_{split}.csv') as handle:
        csv.writer(handle, lineterminator='\n').writerows(provenance)
    return counts


def _save(out_dir: Path, split: str, name: str, img: np.ndarray, mask: np.ndarray) -> None:
    label = Image.fromarray(mask.astype(np.uint8))
    label.putpalette(png_palette(1))
    with atomic_write(out_dir / 'img_dir' / split / f'{name}.jpg', 'wb') as handle:
        Image.fromarray(img).save(handle, format='JPEG', quality=95)
    with atomic_write(out_dir / 'ann_dir' / split / f'{name}.png', 'wb') as handle:
        label.save(handle, format='PNG')
