"""What components cost: CPU milliseconds and memory of backbones and refiners, for one picture of two sizes.

CPU time and not wall time: on a machine that does other things as well it means the same. Memory is the peak above what
the component holds already, of a process of its own.
"""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse
import ctypes
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from common import parser, start, table
from memory import forget_peak, in_process, memory
from mmengine.registry import MODELS, DefaultScope
from pycocotools import mask as coder

from mmwsss.config import load_config
from mmwsss.datasets import ShapesScenes
from mmwsss.models.backbones import KeptFeatures, TimmFeatures, TimmTokens
from mmwsss.refine import AffinityRefine, CRFRefine, FeatureAffinityRefine, PARRefine, SAMRefine

VITS = (
    'vit_small_patch14_dinov2.lvd142m',
    'vit_base_patch14_reg4_dinov2.lvd142m',
    'vit_small_patch16_dinov3.lvd1689m',
    'vit_base_patch16_clip_quickgelu_224.openai',
    'vit_base_patch16_siglip_gap_224.webli',
    'eva02_small_patch14_224.mim_in22k',
    'deit3_small_patch16_224.fb_in22k_ft_in1k',
)
LITE0 = {'type': 'mmwsss.TimmFeatures', 'name': 'tf_efficientnet_lite0', 'out_indices': (3,), 'output_stride': 16}


def cpu_milliseconds(peer: Callable[[], object], rounds: int) -> float:
    """Median of some turns, after one that does not count."""
    seconds = []
    for turn in range(rounds + 1):
        begin = time.process_time()
        peer()
        if turn:
            seconds.append(time.process_time() - begin)
    return 1000 * median(seconds)


def cost(peer: Callable[[], object], rounds: int) -> str:
    """Milliseconds, and MiB above."""

    def measured() -> dict[str, float]:
        peer()
        ctypes.CDLL(None).malloc_trim(0)  # what the turn before has left is no part of what it holds
        before = memory('VmRSS')
        forget_peak()
        return {'ms': cpu_milliseconds(peer, rounds), 'above': memory('VmHWM') - before}

    found = in_process(measured)
    return f'{found["ms"]:.0f}, {max(found["above"], 0):.0f}'


def of_backbone(net: torch.nn.Module, patch: int, sizes: list[int], rounds: int) -> list[str]:
    """Forward passes; sides rounded to the patch."""
    found = []
    for size in sizes:
        side = round(size / patch) * patch
        inputs = torch.randn(1, 3, side, side)
        with torch.no_grad():
            found.append(cost(lambda inputs=inputs: net(inputs), rounds))
    return found


def of_refiner(step: Callable[[dict], dict], sizes: list[int], classes: int, rounds: int) -> list[str]:
    """A generated scene and smooth random maps."""
    found = []
    for size in sizes:
        img = np.ascontiguousarray(cv2.resize(ShapesScenes(1, 256).scene(0).img, (size, size)))
        coarse = np.random.default_rng(0).random((classes, 12, 12)).astype(np.float32)
        cam = np.stack([cv2.resize(one, (size, size)) for one in coarse])
        data = {'img': img, 'cam': cam, 'classes': np.arange(classes), 'img_path': f'{size}.jpg'}
        found.append(cost(lambda data=data: step(dict(data)), rounds))
    return found


def made_masks(folder: Path, sizes: list[int], number: int = 100) -> Path:
    """Ellipses all over a picture of each size, as a generator of masks would leave them."""
    rng = np.random.default_rng(0)
    for size in sizes:
        masks = []
        for _ in range(number):
            drawn = np.zeros((size, size), np.uint8)
            axes = (size * rng.uniform(0.02, 0.2, 2)).astype(int).tolist()
            cv2.ellipse(drawn, rng.integers(0, size, 2).tolist(), axes, rng.uniform(0, 180), 0, 360, 1, -1)
            code = coder.encode(np.asfortranarray(drawn))
            masks.append({'size': code['size'], 'counts': code['counts'].decode()})
        (folder / f'{size}.json').write_text(json.dumps(masks))
    return folder


def untrained_affinity(folder: Path) -> Path:
    """A checkpoint of affinities as they begin to learn."""
    cfg = load_config('configs/affinity/affinity_lite0.py', {'pretrained': False})
    with DefaultScope.overwrite_default_scope('mmseg'):
        state = MODELS.build(cfg.model).state_dict()
    torch.save({'state_dict': state, 'meta': {'cfg': cfg.pretty_text}}, folder / 'affinity.pth')
    return folder / 'affinity.pth'


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('--sizes', nargs='+', type=int, default=[224, 512])
    options.add_argument('--refiners-only', action='store_true')
    args: argparse.Namespace = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(args, Path(folder))


def run(args: argparse.Namespace, folder: Path) -> None:
    """Measure, with a folder for what has to lie on the disk."""
    args.threads = args.threads or 1
    start(args)
    cv2.setNumThreads(1)
    rows = []
    networks = {'tf_efficientnet_lite0, stride 16': (TimmFeatures('tf_efficientnet_lite0', (4,), 16), 32)}
    for name, (net, patch) in networks.items():
        rows.append((name, _millions(net), *of_backbone(net.eval(), patch, args.sizes, args.rounds)))
    kept = KeptFeatures({**LITE0, 'out_indices': (3, 4)}, folder)
    rows.append(('the same, kept on the disk', _millions(kept), *of_backbone(kept, 32, args.sizes, args.rounds)))
    for name in () if args.refiners_only else VITS:
        vit = TimmTokens(name).eval()
        rows.append((name, _millions(vit), *of_backbone(vit, vit.patch_size, args.sizes, args.rounds)))
        del vit
    table(('backbone', 'million parameters', *(f'ms, MiB at {size} px' for size in args.sizes)), rows)
    print()
    steps = {
        'PARRefine, 10 rounds': PARRefine(),
        'PARRefine, 20 rounds': PARRefine(20),
        'FeatureAffinityRefine, Lite0 at 256': FeatureAffinityRefine(LITE0, max_side=256),
        'FeatureAffinityRefine, Lite0 at 448': FeatureAffinityRefine(LITE0, max_side=448),
        'CRFRefine, paper (5 iterations)': CRFRefine(backend='pydensecrf'),
        'CRFRefine, voc (10 iterations)': CRFRefine('voc', backend='pydensecrf'),
        'AffinityRefine, Lite0': AffinityRefine(untrained_affinity(folder)),
        'SAMRefine, 100 made masks': SAMRefine(masks=made_masks(folder, args.sizes)),
    }
    rows = [
        (name, classes, *of_refiner(step, args.sizes, classes, args.rounds))
        for name, step in steps.items()
        for classes in (1, 5)
    ]
    table(('refiner', 'classes', *(f'ms, MiB at {size} px' for size in args.sizes)), rows)


def _millions(net: torch.nn.Module) -> float:
    return sum(parameter.numel() for parameter in net.parameters()) / 1e6


if __name__ == '__main__':
    main()
