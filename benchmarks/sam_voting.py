"""SAM: automatic masks computed anew for a strategy of voting, and masks that were kept."""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from common import parser, side_by_side, start, table

from mmwsss.datasets import ShapesScenes
from mmwsss.models.segmentors.sam_network import build_sam
from mmwsss.refine import SAMRefine

TOY = {'embed_dim': 64, 'depth': 2, 'num_heads': 2, 'global_attn_indexes': (1,), 'image_size': 256}


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('--arch', default='toy', help='toy (random weights), vit_b, vit_l or vit_h')
    options.add_argument('--checkpoint', help='weights of vit_b, vit_l or vit_h')
    options.add_argument('--points', type=int, default=8, help='points a side')
    options.add_argument('--size', type=int, default=256, help='side of the picture')
    options.set_defaults(rounds=3)
    args = options.parse_args()
    start(args)
    scene = ShapesScenes(1, args.size).scene(0)
    cam = np.zeros((1, args.size, args.size), np.float32)
    cam[0, args.size // 4 : args.size // 2] = 0.8
    data = {'img': np.ascontiguousarray(scene.img[..., ::-1]), 'cam': cam, 'gt_label': np.array([0])}
    arch = TOY if args.arch == 'toy' else args.arch
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = args.checkpoint
        if checkpoint is None:
            torch.manual_seed(0)
            checkpoint = Path(folder) / 'toy.pth'
            torch.save(build_sam(arch, None, 'benchmark').state_dict(), checkpoint)
        keep_all = {'pred_iou_thresh': -1e9, 'stability_score_thresh': -1e9} if args.arch == 'toy' else None
        settings = {
            'arch': arch,
            'checkpoint': str(checkpoint),
            'points_per_side': args.points,
            'generator': keep_all,
        }
        cache = Path(folder) / 'masks'
        refine = SAMRefine(**settings, cache_dir=str(cache))

        def anew() -> None:
            shutil.rmtree(cache, ignore_errors=True)
            refine(dict(data))

        peers = {'anew': anew, 'kept': lambda: refine(dict(data))}
        found = side_by_side(peers, args.rounds, args.device)
    print(f'milliseconds for one image of {args.size} x {args.size}, SAM {args.arch}, {args.points} points a side')
    table(
        ('masks computed anew', 'masks kept', 'anew / kept'),
        [(1000 * found['anew'], 1000 * found['kept'], found['anew'] / found['kept'])],
    )


if __name__ == '__main__':
    main()
