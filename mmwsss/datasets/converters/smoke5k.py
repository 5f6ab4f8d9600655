"""From SMOKE5K's photos and pixel masks to crops with image-level labels."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mmwsss.datasets.metainfo import png_palette
from mmwsss.datasets.photo_split import split_of
from mmwsss.datasets.pictures import SUFFIXES, read_picture
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import atomic_write, write_json
from mmwsss.utils.progress import Progress

CLASSES = ('no_smoke', 'smoke')


@dataclass(frozen=True)
class CropRule:
    """How crops are chosen.

    Attributes:
        size: Side of the crops as written, in pixels.
        per_photo: Most smoke crops of one photo.
        shares: Shares of a crop that its smoke aims at; one is drawn for each photo and sets the zoom.
        min_share: Least share of smoke in a smoke crop.
        margin: Growth on each side of a window that must be free of smoke too, for a crop without.
        max_overlap: Largest IoU of two smoke crops of a photo.
    """

    size: int = 256
    per_photo: int = 3
    shares: tuple[float, ...] = (0.08, 0.15, 0.25, 0.4)
    min_share: float = 0.03
    margin: float = 0.12
    max_overlap: float = 0.35


@dataclass(frozen=True)
class _Photo:
    img: Path
    mask: Path
    group: str

    @property
    def key(self) -> str:
        return f'{self.img.parent.parent.name}/{self.img.name}'


def _photos(source: Path, groups: dict[str, str]) -> Iterator[_Photo]:
    for split in ('train', 'test'):
        folder = source / split
        if not (folder / 'img').is_dir() or not (folder / 'gt').is_dir():
            raise MissingFileError(f'Expected the folders img and gt in {folder}, but at least one is missing.')
        masks = {path.stem: path for path in sorted((folder / 'gt').iterdir()) if path.suffix.lower() in SUFFIXES}
        for img in sorted((folder / 'img').iterdir()):
            if img.suffix.lower() not in SUFFIXES:
                continue
            if img.stem not in masks:
                raise MissingFileError(f'Expected a mask for {img} in {folder / "gt"}, but there is none.')
            yield _Photo(img, masks[img.stem], groups.get(img.name, img.stem))


def _read_groups(path: str | Path | None) -> dict[str, str]:
    if path is None:
        return {}
    with open(path, encoding='utf-8-sig', newline='') as handle:
        rows = list(csv.reader(handle))
    if not rows or rows[0] != ['photo', 'group'] or any(len(row) != 2 for row in rows):
        raise InputError(f'Expected the columns photo,group in {path}.')
    return dict(rows[1:])


def _windows(height: int, width: int, side: int) -> np.ndarray:
    """Corners (n, 2) of a lattice of square windows, with a step of an eighth of the side."""
    step = max(side // 8, 1)
    ys, xs = np.arange(0, height - side + 1, step), np.arange(0, width - side + 1, step)
    return np.stack(np.meshgrid(ys, xs, indexing='ij'), -1).reshape(-1, 2)


def _sums(integral: np.ndarray, corners: np.ndarray, grow: int, side: int) -> np.ndarray:
    """Mask pixels inside each window, grown by some pixels on each side."""
    low = np.maximum(corners - grow, 0)
    high = np.minimum(corners + side + grow, np.array(integral.shape) - 1)
    (y0, x0), (y1, x1) = low.T, high.T
    return integral[y1, x1] - integral[y0, x1] - integral[y1, x0] + integral[y0, x0]


def choose_crops(mask: np.ndarray, rule: CropRule, rng: np.random.Generator) -> list[tuple[int, int, int, int]]:
    """Windows of one photo as (y, x, side, label), smoke crops first, then as many without smoke as can be found.

    Args:
        mask: bool (H, W), where smoke is.
        rule: How crops are chosen.
        rng: Random generator.
    """
    height, width = mask.shape
    area = int(mask.sum())
    if not area:
        return []
    shorter = min(height, width)
    side = int(np.clip(np.sqrt(area / rng.choice(rule.shares)), min(112, shorter), 0.97 * shorter))
    corners = _windows(height, width, side)
    integral = np.pad(mask.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    share = _sums(integral, corners, 0, side) / side**2
    good = corners[(share >= max(rule.min_share, share.max() / 2)) & (share <= 0.9)]
    smoke: list[np.ndarray] = []
    for corner in rng.permutation(good):
        overlap = [_overlap(corner, other, side) for other in smoke]
        if len(smoke) < rule.per_photo and all(value < rule.max_overlap for value in overlap):
            smoke.append(corner)
    clear = corners[_sums(integral, corners, round(rule.margin * side), side) == 0]
    clear = rng.permutation(clear)[: len(smoke)]
    return [(int(y), int(x), side, label) for found, label in ((smoke, 1), (list(clear), 0)) for y, x in found]


def _overlap(first: np.ndarray, second: np.ndarray, side: int) -> float:
    inter = float(np.prod(np.maximum(side - np.abs(first - second), 0)))
    return inter / (2 * side**2 - inter)


def convert_smoke5k(
    source: str | Path,
    out_dir: str | Path,
    groups: str | Path | None = None,
    val: float = 0.15,
    test: float = 0.2,
    rule: CropRule | None = None,
    seed: int = 0,
) -> dict[str, Counter]:
    """Write crops, masks and label files.

    The layout is ``img_dir/<split>``, ``ann_dir/<split>`` (for train: evaluation of pseudo masks only),
    ``annotations/<split>.json`` and ``provenance.csv``.

    Args:
        source: SMOKE5K folder.
        out_dir: Output folder.
        groups: CSV of photo and group; without it every photo is a group of its own.
        val: Share of groups for validation.
        test: Share of groups for test.
        rule: How crops are chosen.
        seed: Seed of splits and crops.

    Returns:
        dict: counts of photos and crops by split.

    Raises:
        FileNotFoundError: If a folder or a mask is missing.
        ValueError: If shares or sizes do not fit, or there is no photo.
    """
    if not (val >= 0 and test >= 0 and val + test < 1):
        raise InputError(f'Expected val and test >= 0 with val + test < 1, but got {val} and {test}.')
    rule, out_dir = rule or CropRule(), Path(out_dir)
    photos = list(_photos(Path(source), _read_groups(groups)))
    if not photos:
        raise InputError(f'Expected photos in {source}/train/img and {source}/test/img, but got none.')
    counts: dict[str, Counter] = {split: Counter(photos=0, smoke=0, no_smoke=0) for split in ('train', 'val', 'test')}
    lists: dict[str, list] = {split: [] for split in counts}
    provenance: list[tuple[str | int, ...]] = [('id', 'label', 'split', 'photo', 'group', 'y', 'x', 'side')]
    with Progress(len(photos), 'photos') as progress:
        for photo in photos:
            split = split_of(photo.group, {'test': test, 'val': val, 'train': 1 - val - test}, seed)
            img = read_picture(photo.img)
            mask = read_picture(photo.mask).max(2) > 127
            if mask.shape != img.shape[:2]:
                raise InputError(f'Expected a mask of {img.shape[:2]} (H, W) in {photo.mask}, but got {mask.shape}.')
            rng = np.random.default_rng([seed, int(hashlib.sha256(photo.key.encode()).hexdigest()[:8], 16)])
            crops = choose_crops(mask, rule, rng)
            counts[split]['photos'] += bool(crops)
            for y, x, side, label in crops:
                name = 's5k_' + hashlib.sha256(f'{photo.key}/{y}/{x}/{side}'.encode()).hexdigest()[:10]
                window = (slice(y, y + side), slice(x, x + side))
                _save(out_dir, split, name, img[window], mask[window], rule.size)
                lists[split].append({'img_path': f'{name}.jpg', 'gt_label': label})
                provenance.append((name, label, split, photo.key, photo.group, y, x, side))
                counts[split][CLASSES[label]] += 1
            progress.update()
    for split, data_list in lists.items():
        content = {'metainfo': {'classes': list(CLASSES)}, 'data_list': sorted(data_list, key=lambda e: e['img_path'])}
        write_json(out_dir / 'annotations' / f'{split}.json', content)
    with atomic_write(out_dir / 'provenance.csv') as handle:
        csv.writer(handle, lineterminator='\n').writerows(provenance)
    return counts


def _save(out_dir: Path, split: str, name: str, img: np.ndarray, mask: np.ndarray, size: int) -> None:
    picture = Image.fromarray(img).resize((size, size), Image.Resampling.LANCZOS)
    label = Image.fromarray(mask.astype(np.uint8)).resize((size, size), Image.Resampling.NEAREST)
    label.putpalette(png_palette(1))
    with atomic_write(out_dir / 'img_dir' / split / f'{name}.jpg', 'wb') as handle:
        picture.save(handle, format='JPEG', quality=90)
    with atomic_write(out_dir / 'ann_dir' / split / f'{name}.png', 'wb') as handle:
        label.save(handle, format='PNG')
