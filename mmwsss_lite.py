"""Masks from an ONNX segmentor, on a small computer: this one file needs onnxruntime, numpy and pillow, nothing else.

    mmwsss-lite model.onnx pictures/ --out masks/

It leaves ``masks/`` (indexed PNGs in the sub-folders of the pictures) and ``areas.csv``, a line a picture and class.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

SUFFIXES = ('.bmp', '.gif', '.jpeg', '.jpg', '.png', '.ppm', '.tif', '.tiff', '.webp')
COLUMNS = (
    'camera_id', 'source', 'frame', 'time_s', 'timestamp', 'class', 'area', 'area_smooth', 'mean_prob', 'max_prob',
    'x0', 'y0', 'x1', 'y1', 'status',
)  # fmt: skip


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


class Segmentor:
    """A network that ``mmwsss`` exported.

    Args:
        path: The ONNX file.
        threads: Threads of the processor; 0 leaves it to onnxruntime.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file does not say what its classes are.
    """

    def __init__(self, path: str | Path, threads: int = 0) -> None:
        if not Path(path).is_file():
            raise FileNotFoundError(f'Expected an ONNX network in {path}, but there is no such file.')
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
        kept = self.session.get_modelmeta().custom_metadata_map
        if 'classes' not in kept or 'size' not in kept:
            raise ValueError(f'Expected a network that mmwsss exported (with classes and size) in {path}.')
        self.classes: list[str] = json.loads(kept['classes'])
        self.size: tuple[int, int] = tuple(json.loads(kept['size']))
        self.align_corners: bool = json.loads(kept.get('align_corners', 'false'))
        self.palette: list[list[int]] = json.loads(kept.get('palette', '[]'))

    def logits(self, picture: np.ndarray) -> np.ndarray:
        """The head's logits, float32 (C, h, w), of a picture, uint8 RGB (H, W, 3)."""
        planes = [np.rint(resize(plane.astype(np.float32), self.size)) for plane in picture.transpose(2, 0, 1)]
        return self.session.run(None, {'image': np.stack(planes)[None].astype(np.float32)})[0][0]

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


def rows_of(name: Path, label: np.ndarray, probability: np.ndarray, classes: list[str]) -> Iterator[dict]:
    """Lines of ``areas.csv`` of one picture: each class's share of it and the box around the class, as shares."""
    height, width = label.shape
    for value, class_name in enumerate(classes[1:], 1):
        inside = label == value
        row = {'camera_id': name.parent.as_posix(), 'source': name.as_posix(), 'frame': 0, 'class': class_name}
        row.update(area=f'{inside.mean():.6f}', status='ok')
        if inside.any():
            ys, xs = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
            box = (xs[0] / width, ys[0] / height, (xs[-1] + 1) / width, (ys[-1] + 1) / height)
            row.update({key: f'{share:.4f}' for key, share in zip(('x0', 'y0', 'x1', 'y1'), box)})
            row.update(mean_prob=f'{probability[inside].mean():.4f}', max_prob=f'{probability[inside].max():.4f}')
        yield row


def run(model: str | Path, source: str | Path, out: str | Path, threads: int = 0) -> dict[str, float]:
    """Write masks and ``areas.csv`` of pictures; a bad picture is recorded, and the others go on.

    Returns:
        dict: ``pictures``, ``failed``, ``seconds``.
    """
    segmentor, source, out = Segmentor(model, threads), Path(source), Path(out)
    out.mkdir(parents=True, exist_ok=True)
    start, count, failed = time.perf_counter(), 0, 0
    with open(out / 'areas.csv', 'w', newline='', encoding='utf-8') as handle:
        table = csv.DictWriter(handle, COLUMNS)
        table.writeheader()
        for path, name in pictures_of(source):
            count += 1
            try:
                label, probability = segmentor(read_picture(path))
            except (OSError, SyntaxError, ValueError) as error:
                failed += 1
                print(f'{path}: {error}', file=sys.stderr)
                table.writerow({'source': name.as_posix(), 'status': 'failed'})
                continue
            segmentor.save(label, out / 'masks' / name.with_name(name.name + '.png'))
            table.writerows(rows_of(name, label, probability, segmentor.classes))
    return {'pictures': count, 'failed': failed, 'seconds': time.perf_counter() - start}


def main() -> None:
    """Entry point; exit code 1 where a picture failed, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help='ONNX file that mmwsss exported')
    parser.add_argument('source', help='picture or folder')
    parser.add_argument('--out', required=True, help='folder for masks/ and areas.csv')
    parser.add_argument('--threads', type=int, default=0, help='threads of the processor; 0: all')
    args = parser.parse_args()
    try:
        done = run(args.model, args.source, args.out, args.threads)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(2)
    rate = done['pictures'] / max(done['seconds'], 1e-9)
    print(f'{done["pictures"]:.0f} pictures, {done["failed"]:.0f} failed, {rate:.1f} a second')
    sys.exit(1 if done['failed'] else 0)


if __name__ == '__main__':
    main()
