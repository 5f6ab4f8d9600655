"""Class maps of a large picture in one piece and in tiles: memory, seconds, and how much the maps differ.

The picture is a mosaic of photographs, the classifier EfficientNet-Lite0 from ImageNet with a pooled head: of a
checkpoint (configs/frozen_lite0.py), or with random weights. Each measurement is a process of its own; the memory is
that above the network, the picture and its normalised copy included.
"""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from common import parser, start, table
from memory import forget_peak, in_process, memory

from mmwsss.apis import init_classifier
from mmwsss.cam import CAMGenerator
from mmwsss.config import load_config
from mmwsss.registry import MODELS


def mosaic(folder: Path, height: int, width: int, side: int) -> np.ndarray:
    """Photographs beside each other, uint8 BGR (height, width, 3)."""
    paths = sorted(path for path in folder.rglob('*') if path.suffix in ('.jpg', '.jpeg', '.png'))
    rng = np.random.default_rng(0)
    made = np.zeros((height, width, 3), np.uint8)
    for top in range(0, height, side):
        for left in range(0, width, side):
            photo = cv2.resize(cv2.imread(str(paths[rng.integers(len(paths))])), (side, side))
            made[top : top + side, left : left + side] = photo[: height - top, : width - left]
    return made


def network(checkpoint: str | None) -> torch.nn.Module:
    """The classifier."""
    if checkpoint is not None:
        return init_classifier(checkpoint)
    torch.manual_seed(0)
    model = MODELS.build(load_config('configs/frozen_lite0.py', {'frozen': False}).model)
    model.init_weights()
    return model.eval()


def measure(args: argparse.Namespace, tiles: dict | None, out: Path) -> dict[str, float]:
    """Seconds and MiB; the maps go to a file."""
    model = network(args.checkpoint)
    generator = CAMGenerator('cam', scales=args.scales, tiles=tiles, classes='all')
    img = mosaic(Path(args.images), args.height, args.width, args.side)

    def maps(picture: np.ndarray) -> torch.Tensor:
        data = {'inputs': [torch.from_numpy(picture.transpose(2, 0, 1))], 'data_samples': None}
        inputs = model.data_preprocessor(data)['inputs']
        return generator(model, inputs).maps[0, 0]

    with torch.no_grad():
        maps(img[:256, :256])  # what is loaded once is there now
        before = memory('VmRSS')
        forget_peak()
        begin, cpu = time.perf_counter(), time.process_time()
        made = maps(img)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        above = memory('VmHWM') - before
    np.save(out, made.numpy().astype(np.float16))
    return {'above': above, 'seconds': seconds, 'cpu': cpu}


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('--images', required=True, help='folder of photographs')
    options.add_argument('--checkpoint', help='of configs/frozen_lite0.py')
    options.add_argument('--height', type=int, default=2000)
    options.add_argument('--width', type=int, default=6000)
    options.add_argument('--side', type=int, default=256, help='of a photograph in the mosaic, in pixels')
    options.add_argument('--sizes', type=int, nargs='+', default=[512, 1024], help='of the tiles')
    options.add_argument('--overlap', type=float, default=0.25)
    options.add_argument('--scales', type=float, nargs='+', default=[1.0])
    args = options.parse_args()
    start(args)
    whole, rows = None, []
    with tempfile.TemporaryDirectory() as folder:
        for size in (None, *args.sizes):
            out = Path(folder) / f'{size}.npy'
            tiles = None if size is None else {'size': size, 'overlap': args.overlap}
            found = in_process(lambda tiles=tiles, out=out: measure(args, tiles, out))
            maps = np.load(out).astype(np.float32)
            whole = maps if whole is None else whole
            overlap = [
                float(((maps > cut) & (whole > cut)).sum() / max(((maps > cut) | (whole > cut)).sum(), 1))
                for cut in (0.3, 0.5)
            ]
            name = 'in one piece' if size is None else f'{size}, overlap {args.overlap}'
            row = [name, found['above'], found['seconds'], found['cpu'], float(np.abs(maps - whole).mean()), *overlap]
            rows.append(row)
    print(f'{args.height} x {args.width}, scales {args.scales}')
    columns = ('MiB above the network', 'seconds', 'CPU seconds', 'mean difference', 'IoU at 0.3', 'IoU at 0.5')
    table(('tiles', *columns), rows)


if __name__ == '__main__':
    main()
