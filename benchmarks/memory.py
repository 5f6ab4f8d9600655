"""Memory of make_pseudo and of evaluation; each measurement is a process of its own.

``images``: peak memory of make_pseudo against the number of images. ``picture``: memory and seconds of one large
picture with one of many classes, from maps to mask. ``evaluation``: memory of the figures of many images (simulated
counts).
"""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from common import build, parser, start, table, vit
from mmengine.config import Config
from PIL import Image

from mmwsss.apis import make_pseudo
from mmwsss.config import load_config
from mmwsss.datasets import ShapesScenes
from mmwsss.evaluation import CamFigures, SegmentationFigures, count_pixels

_MIB = 1 << 20


def in_process(action: Callable[[], dict[str, float]]) -> dict[str, float]:
    """What an action gives in a forked process, with ``peak``, its largest resident memory in MiB."""
    read_end, write_end = os.pipe()
    process = os.fork()
    if not process:
        with os.fdopen(write_end, 'w') as handle:
            json.dump(action(), handle)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as handle:
        content = handle.read()
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit('a measurement failed')
    return {**json.loads(content), 'peak': usage.ru_maxrss / 1024}


def memory(name: str) -> float:
    """MiB of this process: ``VmRSS`` now, ``VmHWM`` at most since :func:`forget_peak`."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def forget_peak() -> None:
    """Let the kernel count the peak from now on."""
    Path('/proc/self/clear_refs').write_text('5')


def save_network(root: Path, size: str, img_size: int, num_classes: int) -> Path:
    """Random weights with their config inside."""
    settings = vit(size, img_size, num_classes)
    text = Config({'model': settings, 'default_scope': 'mmpretrain'}).pretty_text
    path = root / f'net{num_classes}.pth'
    torch.save({'state_dict': build(settings, 'cpu').state_dict(), 'meta': {'cfg': text}}, path)
    return path


def measure_images(args: argparse.Namespace, root: Path) -> None:
    """Peak memory against the number of images."""
    checkpoint = save_network(root, 'mini', args.size, 1)
    scenes = ShapesScenes(16, args.size)
    pictures = [Image.fromarray(scenes.scene(index).img) for index in range(16)]
    found = []
    for number in args.numbers:
        folder = root / f'images{number}'
        folder.mkdir()
        for index in range(number):
            pictures[index % 16].save(folder / f'{index:06d}.jpg')
        variables = {'images': str(folder), 'img_size': args.size, 'scales': [1.0], 'pseudo.generator.classes': 'all'}
        cfg = load_config('configs/pseudo/unlabelled.py', variables)
        cfg.pseudo.refine = [step for step in cfg.pseudo.refine if not step['type'].endswith('CRFRefine')]

        def action(cfg: Config = cfg, out: Path = root / f'out{number}') -> dict[str, float]:
            make_pseudo(cfg, checkpoint, out)
            return {}

        found.append((number, in_process(action)['peak']))
    table(('images', 'peak MiB', 'of the first'), [(number, value, value / found[0][1]) for number, value in found])


def measure_picture(args: argparse.Namespace, root: Path) -> None:
    """One large picture with one of many classes: threshold alone, as ``configs/pseudo/gradcam_ms.py``."""
    checkpoint = save_network(root, args.vit, args.input, args.classes)
    height, width = (int(side) for side in args.picture.split('x'))
    names = [f'class{index}' for index in range(args.classes)]
    scene = Image.fromarray(ShapesScenes(1, 512).scene(0).img)
    for kind, size in (('warm', (512, 512)), ('large', (width, height))):
        (root / kind).mkdir()
        scene.resize(size, Image.Resampling.BICUBIC).save(root / kind / f'{kind}.jpg', quality=92)
        (root / f'{kind}.csv').write_text(f'path,label\n{kind}.jpg,{names[args.classes // 3]}\n')

    def make(kind: str, number: int) -> float:
        variables = {
            'dataset_root': str(root),
            'train_ann': f'{kind}.csv',
            'train_img': kind,
            'train_masks': None,
            'classes': names,
            'img_size': args.input,
            'scales': [1.0],
        }
        out = root / f'{kind}{number}'
        make_pseudo(load_config('configs/pseudo/gradcam_ms.py', variables), checkpoint, out)
        record = json.loads((out / 'manifest.jsonl').read_text())
        if record['status'] != 'ok':
            sys.exit(record['reason'])
        return sum(record['seconds'].values())

    def action() -> dict[str, float]:
        make('warm', 0)  # the network and all that is loaded once are there now
        before = memory('VmRSS')
        forget_peak()
        seconds = make('large', 0)
        above = memory('VmHWM') - before
        return {'above': above, 'seconds': min([seconds, *(make('large', turn) for turn in range(1, args.rounds))])}

    found = in_process(action)
    table(
        ('picture', 'classes', 'MiB above the network', 'seconds'),
        [(f'{height} x {width}', args.classes, found['above'], found['seconds'])],
    )


def measure_evaluation(args: argparse.Namespace) -> None:
    """Figures of many simulated images, each with a few of the classes; small ones, so that counting takes no time."""
    names = [f'class{index}' for index in range(args.eval_classes - 1)]  # beside the background

    def action() -> dict[str, float]:
        rng = np.random.default_rng(0)
        forget_peak()
        before, begin = memory('VmRSS'), time.perf_counter()
        of_maps, of_masks = CamFigures(names), SegmentationFigures(names)
        for _ in range(args.eval_images):
            classes = np.sort(rng.choice(len(names), rng.integers(1, 5), replace=False))
            truth = rng.choice([0, *(classes + 1)], (16, 16)).astype(np.uint8)
            of_maps.update(rng.random((len(classes), 16, 16), np.float32), classes, truth)
            of_masks.update(count_pixels(rng.choice([0, *(classes + 1)], (16, 16)), truth, len(names)))
        of_maps.compute(0.3), of_maps.curve(), of_masks.compute()
        return {'above': memory('VmHWM') - before, 'seconds': time.perf_counter() - begin}

    found = in_process(action)
    table(
        ('images', 'classes with background', 'MiB', 'ms an image'),
        [(args.eval_images, args.eval_classes, found['above'], 1000 * found['seconds'] / args.eval_images)],
    )


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    kinds = ('images', 'picture', 'evaluation')
    options.add_argument('--kinds', nargs='+', choices=kinds, default=kinds)
    options.add_argument('--numbers', type=int, nargs='+', default=[500, 5000], help='images: how many')
    options.add_argument('--size', type=int, default=64, help='images: side')
    options.add_argument('--picture', default='3000x4000', help='picture: height x width')
    options.add_argument('--classes', type=int, default=20, help='picture: classes of the data set')
    options.add_argument('--vit', default='mini', help='picture: mini, tiny, small or base')
    options.add_argument('--input', type=int, default=512, help='picture: side of the input of the network')
    options.add_argument('--eval-images', type=int, default=40000, help='evaluation: images')
    options.add_argument('--eval-classes', type=int, default=81, help='evaluation: classes, background included')
    args = options.parse_args()
    args.threads = args.threads or 1  # a fork of several threads may hang
    args.device = 'cpu'
    start(args)
    with tempfile.TemporaryDirectory() as folder:
        if 'images' in args.kinds:
            measure_images(args, Path(folder))
        if 'picture' in args.kinds:
            measure_picture(args, Path(folder))
    if 'evaluation' in args.kinds:
        measure_evaluation(args)


if __name__ == '__main__':
    main()
