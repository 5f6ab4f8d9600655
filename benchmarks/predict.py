"""What tiles, the median over time and 8 bits change, the memory of a long film, whole commands; of a trained network.

python benchmarks/predict.py seams CHECKPOINT smoke5k_wsss
python benchmarks/predict.py median CHECKPOINT smoke5k_wsss
python benchmarks/predict.py int8 CHECKPOINT smoke5k_wsss
python benchmarks/predict.py film CHECKPOINT smoke5k_wsss
python benchmarks/predict.py lite CHECKPOINT smoke5k_wsss
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

import mmwsss  # noqa: F401  (first: cures torchvision)

# isort: split
from common import machine, table

from mmwsss.apis.inference import init_segmentor
from mmwsss.apis.networks import init_network
from mmwsss.cli.host_noise import quiet_hosts
from mmwsss.datasets.masks import read_mask
from mmwsss.datasets.pictures import read_picture
from mmwsss.datasets.plume_kinds import draw_kind
from mmwsss.datasets.plumes import MASK_OPACITY, blend, draw_plume, smoke_colour
from mmwsss.evaluation import count_pixels, segmentation_figures
from mmwsss.prediction import SegmentorNetwork, TemporalMedian, Tiling
from mmwsss.utils.files import read_json

ROOT = Path(__file__).parents[1]


def pictures(data: Path, split: str, smoke: bool | None = None) -> list[Path]:
    """Paths of the pictures of a split, of one label or of both."""
    rows = read_json(data / 'annotations' / f'{split}.json')['data_list']
    return [
        data / 'img_dir' / split / row['img_path'] for row in rows if smoke is None or row['gt_label'] == int(smoke)
    ]


def bgr(path: Path) -> np.ndarray:
    """A picture, uint8 BGR."""
    return np.ascontiguousarray(read_picture(path)[..., ::-1])


def panorama(paths: list[Path], rng: np.random.Generator, across: int, down: int, side: int) -> np.ndarray:
    """Real pictures side by side and one above the other."""
    chosen = rng.choice(len(paths), across * down, replace=False)
    rows = []
    for row in range(down):
        cells = [cv2.resize(bgr(paths[chosen[row * across + column]]), (side, side)) for column in range(across)]
        rows.append(np.hstack(cells))
    return np.vstack(rows)


def seams(checkpoint: str, data: Path, args: argparse.Namespace) -> None:
    """Labels of a panorama in tiles against those of the whole panorama at the same scale."""
    model = init_segmentor(None, checkpoint)
    size = next(step['scale'][0] for step in model.cfg.test_pipeline if step['type'] == 'Resize')
    paths, rows = pictures(data, 'test', True) + pictures(data, 'val', True), []
    for tile in args.tiles:
        across, down = max(round(6000 / tile), 1), max(round(2000 / tile), 1)
        rng = np.random.default_rng(0)
        imgs = [panorama(paths, rng, across, down, tile) for _ in range(args.number)]
        whole_model = init_segmentor(None, checkpoint)
        for step in whole_model.cfg.test_pipeline:
            if step['type'] == 'Resize':
                step['scale'] = (round(across * size), round(down * size))
        begin = time.perf_counter()
        whole = [SegmentorNetwork(whole_model).predict([img])[0].label for img in imgs]
        rows.append([tile, 'whole', '', '', '', sum((label == 1).mean() for label in whole) / len(whole) * 100,
                     (time.perf_counter() - begin) / len(imgs)])  # fmt: skip
        for span, overlap in itertools.product(args.spans, (0.0, 0.25, 0.5)):
            network = SegmentorNetwork(model, Tiling(tile, overlap, span))
            begin = time.perf_counter()
            labels = [network.predict([img])[0].label for img in imgs]
            seconds = (time.perf_counter() - begin) / len(imgs)
            differ = [(label != other).mean() * 100 for label, other in zip(labels, whole)]
            smoke = sum((label == 1).mean() for label in labels) / len(labels) * 100
            print(tile, span, overlap, differ, file=sys.stderr, flush=True)
            rows.append([tile, span, overlap, float(np.mean(differ)), float(np.max(differ)), smoke, seconds])
    table(
        ['unit, pixels', 'span', 'overlap', 'labels that differ, %', 'worst panorama, %', 'smoke, %', 'seconds'], rows
    )


def clip(background: np.ndarray, seed: int, frames: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A plume that drifts and changes its shape before a real picture, with noise, flicker and compression."""
    rng = np.random.default_rng(seed)
    height, width = background.shape[:2]
    room = (height + 64, width + 64)
    kind = draw_kind(rng)
    while True:
        plumes = [draw_plume(rng, room, kind) for _ in range(2)]
        if all(0.02 < (plume.matte > MASK_OPACITY).mean() < 0.4 for plume in plumes):
            break
    wide = cv2.resize(background, room[::-1]).astype(np.float32)
    colours = [smoke_colour(rng, wide, plume) for plume in plumes]
    for number in range(frames):
        share = 0.5 - 0.5 * np.cos(np.pi * number / frames)
        x = round(64 * number / frames)
        window = (slice(32, 32 + height), slice(64 - x, 64 - x + width))
        matte = ((1 - share) * plumes[0].matte + share * plumes[1].matte)[window]
        colour = ((1 - share) * colours[0] + share * colours[1])[window]
        img = blend(background.astype(np.float32), colour, matte) * rng.uniform(0.97, 1.03)
        img = np.clip(img + rng.normal(0, 4, img.shape), 0, 255).astype(np.uint8)
        _, code = cv2.imencode('.jpg', img, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 80))])
        yield cv2.imdecode(code, cv2.IMREAD_COLOR), (matte > MASK_OPACITY).astype(np.uint8)


def median(checkpoint: str, data: Path, args: argparse.Namespace) -> None:
    """IoU and flicker of generated clips, with and without the median over time."""
    network = init_network(checkpoint)
    backgrounds = pictures(data, 'val', False)
    found: list[tuple[list[np.ndarray], list[np.ndarray]]] = []
    for number in range(args.number):
        frames = list(clip(bgr(backgrounds[number * len(backgrounds) // args.number]), number, args.frames))
        labels = [network.predict([img])[0].label for img, _ in frames]
        found.append((labels, [truth for _, truth in frames]))
    rows = []
    for window in (1, 3, 5, 9, 15):
        counts, changes, true_changes = [], [], []
        for labels, truths in found:
            steady = [label for _, label in TemporalMedian(window)((None, '', label) for label in labels)]
            counts += [count_pixels(label, truth, 1) for label, truth in zip(steady, truths) if label is not None]
            changes += [(a != b).mean() for a, b in zip(steady, steady[1:])]
            true_changes += [(a != b).mean() for a, b in zip(truths, truths[1:])]
        figures = segmentation_figures(counts, ('smoke',))
        rows.append([window, figures['iou_dataset'] * 100, figures['iou_image'] * 100, np.mean(changes) * 100,
                     np.mean(true_changes) * 100])  # fmt: skip
    table(['frames w', 'IoU, %', 'mean IoU of frames, %', 'pixels that change, %', 'of the truth, %'], rows)


def int8(checkpoint: str, data: Path, args: argparse.Namespace) -> None:
    """IoU on the validation pictures: PyTorch, ONNX, ONNX in 8 bits."""
    from mmwsss.apis.onnx_export import export_onnx
    from mmwsss_lite import open_network

    every = pictures(data, 'train')
    calibration = every[:: max(len(every) // 64, 1)][:64]
    paths, rows = pictures(data, 'val'), []
    network = init_network(checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / 'whole.onnx', Path(folder) / 'int8.onnx'
        export_onnx(checkpoint, whole, pictures=calibration)
        val = [(path, data / 'ann_dir' / 'val' / f'{path.stem}.png') for path in paths]
        done = export_onnx(checkpoint, small, pictures=calibration, int8=True, val=val)
        whole_network, small_network = open_network(whole, args.threads), open_network(small, args.threads)
        peers: dict[str, Any] = {
            'PyTorch': lambda img: network.predict([img[..., ::-1].copy()])[0].label,
            'ONNX': lambda img: whole_network(img)[0],
            'ONNX, 8 bits': lambda img: small_network(img)[0],
        }
        for name, peer in peers.items():
            counts, seconds = [], 0.0
            for path, mask in val:
                img, truth = read_picture(path), read_mask(mask)
                begin = time.perf_counter()
                label = peer(img)
                seconds += time.perf_counter() - begin
                counts.append(count_pixels(label, truth, 1))
            figures = segmentation_figures(counts, ('smoke',))
            size = {'ONNX': whole, 'ONNX, 8 bits': small}.get(name)
            rows.append([name, figures['iou_dataset'] * 100, figures['iou_image'] * 100,
                         seconds / len(paths) * 1000, '' if size is None else size.stat().st_size / 1e6])  # fmt: skip
    table(['network', 'IoU, all pictures, %', 'mean IoU of pictures, %', 'ms a picture', 'MB'], rows)
    print(f'labels of the 8-bit network alike: {done["int8_labels_alike"]:.3%}')


def run_tool(arguments: list[str]) -> tuple[float, float]:
    """Seconds and highest MiB of a script in a process of its own."""
    code = (
        'import runpy, sys\nsys.argv = sys.argv[1:]\n'
        'try:\n    runpy.run_path(sys.argv[0], run_name="__main__")\n'
        'finally:\n    lines = open("/proc/self/status").read().splitlines()\n'
        '    print(next(line for line in lines if line.startswith("VmHWM")))\n'
    )
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, '-c', code, *arguments], capture_output=True, text=True, cwd=ROOT)
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(done.stderr)
    return seconds, int(done.stdout.splitlines()[-1].split()[1]) / 1024


def lite(checkpoint: str, data: Path, args: argparse.Namespace) -> None:
    """The test pictures from files to masks and tables: ``mmwsss predict``, ``mmwsss-lite``, the same in 8 bits."""
    from mmwsss.apis.onnx_export import export_onnx

    source, rows = data.absolute() / 'img_dir' / 'test', []
    number, every = len(pictures(data, 'test')), pictures(data, 'train')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export_onnx(checkpoint, folder / 'whole.onnx', pictures=every[:8])
        val = [(path, data / 'ann_dir' / 'val' / f'{path.stem}.png') for path in pictures(data, 'val')]
        some = every[:: max(len(every) // 64, 1)][:64]
        export_onnx(checkpoint, folder / 'int8.onnx', pictures=some, int8=True, val=val)
        threads = ['--threads', str(args.threads)]
        peers = {
            'mmwsss predict --outputs none': ['tools/predict.py', os.path.abspath(checkpoint), '--outputs', 'none'],
            'mmwsss-lite': ['mmwsss_lite.py', str(folder / 'whole.onnx'), *threads],
            'mmwsss-lite, 8 bits': ['mmwsss_lite.py', str(folder / 'int8.onnx'), *threads],
        }
        for turn in range(args.rounds):
            for peer, (script, model, *options) in peers.items():
                out = folder / f'{peer} {turn}'
                seconds, memory = run_tool([script, model, str(source), '--out', str(out), *options])
                rows.append([peer, turn + 1, seconds, number / seconds, memory])
    table(['command', 'turn', f'seconds for {number} pictures', 'pictures a second', 'peak MiB'], rows)


def film(checkpoint: str, data: Path, args: argparse.Namespace) -> None:
    """Memory and seconds of ``mmwsss predict`` on films of different lengths."""
    rows = []
    paths = pictures(data, 'test')
    with tempfile.TemporaryDirectory() as folder:
        for number in (args.frames, 10 * args.frames):
            path = Path(folder) / f'{number}.mp4'
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), 10, (640, 480))
            for index in range(number):
                writer.write(cv2.resize(bgr(paths[index // 10 % len(paths)]), (640, 480)))
            writer.release()
            out = Path(folder) / str(number)
            command = [sys.executable, 'tools/predict.py', checkpoint, str(path), '--out', str(out), '--median', '5']
            _, memory = run_tool(command[1:])
            summary = read_json(out / 'summary.json')
            seconds = summary['seconds']
            each = [seconds[key] / number * 1000 for key in ('load', 'predict', 'write')]
            rows.append([number, memory, seconds['wall'], *each])
    table(['frames', 'peak MiB', 'seconds', 'ms: read', 'network', 'write'], rows)


KINDS = {'seams': seams, 'median': median, 'int8': int8, 'film': film, 'lite': lite}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('kind', choices=KINDS)
    parser.add_argument('checkpoint', help='of a segmentor of smoke')
    parser.add_argument('data', type=Path, help='folder smoke5k_wsss')
    parser.add_argument('--number', type=int, default=6, help='panoramas or clips')
    parser.add_argument('--tiles', type=int, nargs='+', default=[2000, 1000, 500], help='units, in pixels')
    parser.add_argument('--spans', type=int, nargs='+', default=[1, 2, 3], help='sides of tiles, in units')
    parser.add_argument('--frames', type=int, default=60, help='of a clip, or of the shorter film')
    parser.add_argument('--rounds', type=int, default=2, help='of whole commands')
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.environ.setdefault('OMP_NUM_THREADS', str(args.threads))
    quiet_hosts()
    print(machine('cpu'), flush=True)
    KINDS[args.kind](str(args.checkpoint), args.data, args)


if __name__ == '__main__':
    main()
