"""Images a second of a training that reads, augments and blends its pictures, beside the bare passes and step.

Each case is a process of its own. "bare" gives the network one batch again and again.

python benchmarks/loading.py --dataset-root data/smoke5k_wsss
"""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse
import itertools
import subprocess
import sys
import time

import torch
from common import machine, table
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmwsss.cli.host_noise import quiet_hosts
from mmwsss.config import load_config
from mmwsss.engine.hooks.set_epoch import seeded_transforms
from mmwsss.registry import MODELS


def parse_args() -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default='configs/seg/lite0_plumes.py')
    parser.add_argument('--data', default='configs/data/smoke5k_wsss.py')
    parser.add_argument('--dataset-root', required=True)
    parser.add_argument('--img-size', type=int, default=160)
    parser.add_argument('--workers', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--steps', type=int, default=20, help='that count, after three that do not')
    parser.add_argument('--threads', type=int, default=1, help='of PyTorch')
    parser.add_argument('--case', choices=('bare', 'training', 'channels_last'), help=argparse.SUPPRESS)
    return parser.parse_args()


def images_a_second(args: argparse.Namespace) -> float:
    """Of one case, with the first of ``--workers``."""
    variables = {'dataset_root': args.dataset_root, 'img_size': args.img_size, 'num_workers': args.workers[0]}
    cfg = load_config(args.config, variables, data=args.data)
    init_default_scope(cfg.default_scope)
    built = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    for transform in seeded_transforms(built.dataset):
        transform.set_epoch(0)
    loader = iter(built)  # workers start before PyTorch's threads
    batches = itertools.repeat(next(loader)) if args.case == 'bare' else loader
    torch.set_num_threads(args.threads)
    model = MODELS.build(cfg.model)
    model.init_weights()
    if args.case == 'channels_last':
        model = model.to(memory_format=torch.channels_last)
    optimiser = build_optim_wrapper(model.train(), cfg.optim_wrapper)
    for step in range(args.steps + 3):
        if step == 3:
            start = time.perf_counter()
        model.train_step(next(batches), optimiser)
    return args.steps * cfg.batch_size / (time.perf_counter() - start)


def main() -> None:
    """Entry point."""
    args = parse_args()
    quiet_hosts()
    if args.case:
        print(images_a_second(args))
        return
    print(machine('cpu'), f'; {args.img_size} pixels, {args.threads} threads of PyTorch')
    rows = []
    for case, workers in (('bare', 0), *(('training', number) for number in args.workers), ('channels_last', 1)):
        command = [sys.executable, __file__, *sys.argv[1:], '--case', case, '--workers', str(workers)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append((case, workers, f'{float(done.stdout.splitlines()[-1]):.1f}'))
        print(*rows[-1], flush=True)
    table(('case', 'workers', 'images a second'), rows)


if __name__ == '__main__':
    main()
