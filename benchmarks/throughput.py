"""Images a second of a training, reading and augmentation in a worker, beside the bare forward and backward pass.

Bare: the same model and batch size on pictures that are in memory already. Both on the same threads, one after the
other; the loop is what `tools/train.py` runs, without its first steps.

python benchmarks/throughput.py --dataset-root FOLDER
"""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from common import parser, start, table
from mmengine.hooks import Hook

from mmwsss.apis.training import train
from mmwsss.cli.host_noise import quiet_hosts
from mmwsss.config import load_config
from mmwsss.registry import HOOKS

TRAININGS = {
    'teacher (Lite0 + PCM)': ('configs/r50_pcm.py', {'teacher_maps': 'classes'}),
    'control (transformer on Lite0)': ('configs/vitb.py', {'head_type': 'mmwsss.PooledHead'}),
    'segmentor on composites (PastePlume)': ('configs/seg/lite0_plumes.py', {'epochs': 1}),
}
"""Config and options of each training."""
_WARM = 5  # steps before the clock


@HOOKS.register_module()
class Clock(Hook):
    """Seconds of the steps of a training, and a batch of it."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.times: list[float] = []
        self.batch: Any = None

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Keep one batch."""
        self.batch = data_batch

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Look at the clock."""
        self.times.append(time.perf_counter())


def measure(config: str, options: dict[str, Any], args: argparse.Namespace) -> tuple[float, float]:
    """Images a second: of the training, and of the bare pass."""
    size = {'img_size': args.size, 'batch_size': args.batch, 'num_workers': args.workers}
    scale = None if config.startswith('configs/seg') else 'small'
    cfg = load_config(config, {**size, **options, 'dataset_root': args.dataset_root}, scale=scale)
    cfg.train_cfg.max_epochs = 1
    cfg.train_cfg.val_begin = 2  # none
    with tempfile.TemporaryDirectory() as folder:
        cfg.custom_hooks = [*cfg.get('custom_hooks', []), {'type': 'mmwsss.Clock'}]
        runner = train(cfg, Path(folder), quiet=True)
    clock = next(hook for hook in runner.hooks if isinstance(hook, Clock))
    model = runner.model.train()
    steps = clock.times[_WARM:]
    loop = args.batch * (len(steps) - 1) / (steps[-1] - steps[0])
    data = model.data_preprocessor(clock.batch, True)
    begin = 0.0
    for step in range(_WARM + args.steps):
        if step == _WARM:
            begin = time.perf_counter()
        losses = model(**data, mode='loss')
        model.parse_losses(losses)[0].backward()
        model.zero_grad()
    return loop, args.batch * args.steps / (time.perf_counter() - begin)


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('--dataset-root', required=True, help='of smoke5k_wsss')
    options.add_argument('--size', type=int, default=160)
    options.add_argument('--batch', type=int, default=16)
    options.add_argument('--workers', type=int, default=1)
    options.add_argument('--steps', type=int, default=20, help='bare passes')
    args = options.parse_args()
    quiet_hosts()
    args.threads = args.threads or 1
    start(args)
    rows = []
    for name, (config, more) in TRAININGS.items():
        loop, bare = measure(config, more, args)
        rows.append((name, f'{loop:.1f}', f'{bare:.1f}', f'{loop / bare:.2f}'))
    table(('training', 'images a second', 'bare pass', 'ratio'), rows)


if __name__ == '__main__':
    main()
