"""A folder of images: maps alone, CRF alone, both together, and a plain loop of pytorch-grad-cam and pydensecrf."""

# ruff: noqa: E402
from __future__ import annotations

import os

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # as tools/make_pseudo.py does

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from common import build, parser, peer_cam, start, table, vit
from mmengine.config import Config
from PIL import Image

from mmwsss.apis import make_pseudo
from mmwsss.config import load_config
from mmwsss.datasets import ShapesScenes
from mmwsss.datasets.pictures import read_picture
from mmwsss.pseudo.work_group import cores_of_this_process
from mmwsss.refine import CRFRefine
from mmwsss.refine.crf_refine import cam_to_probabilities

SCALES = {1: [1.0], 4: [0.5, 1.0, 1.5, 2.0]}


def plain_loop(model, paths, out, scales, number, size) -> None:
    """What single-paper code does: an image, a scale and a class at a time, then the CRF, then the next image."""
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    peer = peer_cam(model)
    crf = CRFRefine('paper', backend='pydensecrf')
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]))
    for path in paths:
        img = read_picture(path).copy()
        resized = torch.from_numpy(cv2.resize(img, (size, size))).permute(2, 0, 1).float()
        inputs = ((resized - mean) / std)[None].to(next(model.parameters()).device)
        cams = np.zeros((number, *img.shape[:2]), np.float32)
        for scale in scales:
            side = round(size * scale / 16) * 16
            batch = torch.nn.functional.interpolate(inputs, size=(side, side), mode='bilinear')
            for label in range(number):
                cams[label] += cv2.resize(peer(batch, [ClassifierOutputTarget(label)])[0], img.shape[1::-1]) / len(
                    scales
                )
        posterior = crf.posterior(img, cam_to_probabilities(cams, crf.bg_exponent))
        mask = np.where(posterior[1:].max(0) > 0.3, posterior[1:].argmax(0) + 1, 0).astype(np.uint8)
        Image.fromarray(mask).save(out / f'{Path(path).stem}.png')


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('--images', help='folder of photographs (generated scenes)')
    options.add_argument('--number', type=int, default=24, help='images')
    options.add_argument('--vit', default='small', help='mini, tiny, small or base')
    options.add_argument('--size', type=int, default=224, help='side of the input of the network')
    options.add_argument('--picture', type=int, default=256, help='side of generated pictures')
    options.add_argument('--cases', nargs='+', default=['1x1', '4x5'], help='scales x classes')
    options.set_defaults(rounds=3)
    args = options.parse_args()
    start(args)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / 'images').mkdir()
        if args.images:
            for path in sorted(Path(args.images).iterdir())[: args.number]:
                shutil.copy(path, root / 'images')
        else:
            for index in range(args.number):
                Image.fromarray(ShapesScenes(args.number, args.picture).scene(index).img).save(
                    root / 'images' / f'{index:04d}.jpg', quality=92
                )
        rows = [measure(args, root, *(int(value) for value in case.split('x'))) for case in args.cases]
    print(f'seconds for {args.number} images; ViT-{args.vit}/16 at {args.size} x {args.size}')
    table(
        (
            'scales',
            'classes',
            'maps alone',
            'CRF alone',
            'both',
            'plain loop',
            'both / slower side',
            'plain loop / both',
        ),
        rows,
    )


def measure(args, root, number_of_scales, number) -> tuple:
    """One row."""
    settings = vit(args.vit, args.size, number)
    model = build(settings, args.device)
    text = Config({'model': settings, 'default_scope': 'mmpretrain'}).pretty_text
    torch.save({'state_dict': model.state_dict(), 'meta': {'cfg': text}}, root / 'net.pth')
    paths = sorted((root / 'images').iterdir())
    variables = {
        'images': str(root / 'images'),
        'class_names': [f'class{index}' for index in range(number)],
        'img_size': args.size,
        'scales': SCALES[number_of_scales],
        'size_divisor': 16,
        'pseudo.generator.classes': 'all',
    }
    both = load_config('configs/pseudo/unlabelled.py', variables)
    alone = load_config('configs/pseudo/unlabelled.py', variables)
    alone.pseudo.refine = [step for step in alone.pseudo.refine if not step['type'].endswith('CRFRefine')]
    crf_only = load_config('configs/pseudo/unlabelled.py', variables)  # a network of next to no cost
    crf_only.pseudo.pipeline[0].scale = (32, 32)
    crf_only.pseudo.generator.scales = [1.0]
    cores = cores_of_this_process()
    workers = max(cores - 1, 1) if both.pseudo.refine else 0

    def ours(cfg: Config, workers: int) -> None:
        shutil.rmtree(root / 'out', ignore_errors=True)
        make_pseudo(cfg, root / 'net.pth', root / 'out', workers=workers)

    def loop() -> None:
        shutil.rmtree(root / 'plain', ignore_errors=True)
        (root / 'plain').mkdir()
        plain_loop(model, paths, root / 'plain', SCALES[number_of_scales], number, args.size)

    peers = {
        'maps': lambda: ours(alone, 0),
        'crf': lambda: ours(crf_only, workers),
        'both': lambda: ours(both, workers),
        'loop': loop,
    }
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    with open(os.devnull, 'w') as quiet:
        for _ in range(args.rounds):
            for name, peer in peers.items():
                begin = time.perf_counter()
                stderr, os_stderr = os.dup(2), quiet.fileno()
                os.dup2(os_stderr, 2)
                try:
                    peer()
                finally:
                    os.dup2(stderr, 2)
                    os.close(stderr)
                seconds[name].append(time.perf_counter() - begin)
    found = {name: median(values) for name, values in seconds.items()}
    slower = max(found['maps'], found['crf'])
    return (number_of_scales, number, *found.values(), found['both'] / slower, found['loop'] / found['both'])


if __name__ == '__main__':
    main()
