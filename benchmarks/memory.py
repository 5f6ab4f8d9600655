"""Memory of make_pseudo against the number of images; each run is a process of its own."""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import os
import sys
import tempfile
from pathlib import Path

import torch
from common import build, parser, start, table, vit
from mmengine.config import Config
from PIL import Image

from mmwsss.apis import make_pseudo
from mmwsss.config.loading import load_config
from mmwsss.datasets import ShapesScenes


def peak(root: Path, number: int, size: int) -> float:
    """Largest resident memory in MiB."""
    folder = root / f'images{number}'
    folder.mkdir()
    scenes = ShapesScenes(16, size)
    pictures = [Image.fromarray(scenes.scene(index).img) for index in range(16)]
    for index in range(number):
        pictures[index % 16].save(folder / f'{index:06d}.jpg')
    variables = {'images': str(folder), 'img_size': size, 'scales': [1.0], 'pseudo.generator.classes': 'all'}
    cfg = load_config('configs/pseudo/unlabelled.py', variables)
    cfg.pseudo.refine = [step for step in cfg.pseudo.refine if not step['type'].endswith('CRFRefine')]
    process = os.fork()
    if not process:
        make_pseudo(cfg, root / 'net.pth', root / f'out{number}')
        os._exit(0)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f'the run of {number} images failed')
    return usage.ru_maxrss / 1024


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('--numbers', type=int, nargs='+', default=[500, 5000], help='images')
    options.add_argument('--size', type=int, default=64)
    args = options.parse_args()
    args.threads = args.threads or 1  # a fork of several threads may hang
    args.device = 'cpu'
    start(args)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        settings = vit('mini', args.size, 1)
        text = Config({'model': settings, 'default_scope': 'mmpretrain'}).pretty_text
        torch.save({'state_dict': build(settings, 'cpu').state_dict(), 'meta': {'cfg': text}}, root / 'net.pth')
        found = [(number, peak(root, number, args.size)) for number in args.numbers]
    table(('images', 'peak MiB', 'of the first'), [(number, value, value / found[0][1]) for number, value in found])


if __name__ == '__main__':
    main()
