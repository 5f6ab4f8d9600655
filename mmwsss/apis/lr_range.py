"""The learning-rate range test (Smith, WACV 2017): the loss while the rate grows from step to step."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from mmwsss.apis.training import train
from mmwsss.engine.hooks.lr_range import LrRangeHook, smooth
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import atomic_write


def log_spaced_rates(lowest: float, highest: float, steps: int) -> list[float]:
    """Rates on a logarithmic scale, both ends included."""
    ratio = (highest / lowest) ** (1 / (steps - 1))
    return [lowest * ratio**step for step in range(steps)]


def suggest_learning_rate(learning_rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate at which the smoothed loss falls most steeply over the logarithm of the rate.

    The first tenth of the steps is left out: there the smoothed loss still follows single batches.

    Raises:
        ValueError: If there are fewer than six steps, or the loss never falls.
    """
    if len(losses) < 6:
        raise InputError(f'Expected at least 6 steps before the loss diverged, but got {len(losses)}.')
    skipped = len(losses) // 10
    smoothed, learning_rates = smooth(losses)[skipped:], learning_rates[skipped:]
    slopes = [
        (smoothed[i + 1] - smoothed[i - 1]) / math.log(learning_rates[i + 1] / learning_rates[i - 1])
        for i in range(1, len(smoothed) - 1)
    ]
    steepest = min(range(len(slopes)), key=slopes.__getitem__)
    if slopes[steepest] >= 0:
        raise InputError('Expected a loss that falls somewhere, but it never does: try a lower range.')
    return learning_rates[steepest + 1]


def lr_range_test(
    cfg: Config, out_dir: str | Path, lowest: float = 1e-7, highest: float = 10.0, steps: int = 100
) -> dict[str, Any]:
    """Train ``steps`` steps with a rate that grows from ``lowest`` to ``highest``; write the curve.

    The model's weights at the end are of no use and are not kept.

    Args:
        cfg: A training config.
        out_dir: Gets ``lr_range.csv`` and ``lr_range.png``.
        lowest: First rate (the paper's code: 1e-7).
        highest: Last rate (the paper's code: 100).
        steps: Number of steps (the paper's code: 100).

    Returns:
        dict: ``suggestion``, ``steps`` (those before the loss diverged), ``csv``, ``png``.

    Raises:
        ValueError: If the range is none, or the loss never falls.
    """
    if not 0 < lowest < highest or steps < 6:
        raise InputError(f'Expected 0 < lowest < highest and steps >= 6, but got {lowest}, {highest} and {steps}.')
    out_dir = Path(out_dir)
    learning_rates = log_spaced_rates(lowest, highest, steps)
    cfg.train_cfg = ConfigDict(type='IterBasedTrainLoop', max_iters=steps, val_interval=steps + 1)
    cfg.param_scheduler = []
    for name in ('val_dataloader', 'val_cfg', 'val_evaluator', 'test_dataloader', 'test_cfg', 'test_evaluator'):
        cfg[name] = None
    cfg.default_hooks.checkpoint = ConfigDict(type='CheckpointHook', interval=-1, save_last=False)
    cfg.default_hooks.param_scheduler = None
    cfg.custom_hooks = [ConfigDict(type='mmwsss.LrRangeHook', learning_rates=learning_rates)]
    sampler = cfg.train_dataloader.get('sampler')
    if sampler is not None and sampler.get('type') == 'DefaultSampler':
        sampler.type = 'InfiniteSampler'
    runner = train(cfg, out_dir / 'run', quiet=True)
    losses = next(hook for hook in runner.hooks if isinstance(hook, LrRangeHook)).losses
    tried = learning_rates[: len(losses)]
    curve = smooth(losses)
    with atomic_write(out_dir / 'lr_range.csv') as handle:
        writer = csv.writer(handle, lineterminator='\n')
        writer.writerow(('lr', 'loss', 'smoothed_loss'))
        writer.writerows(zip(tried, losses, curve))
    suggestion = suggest_learning_rate(tried, losses)
    _draw(out_dir / 'lr_range.png', tried, losses, curve, suggestion)
    return {
        'suggestion': suggestion,
        'steps': len(losses),
        'csv': str(out_dir / 'lr_range.csv'),
        'png': str(out_dir / 'lr_range.png'),
    }


def _draw(path: Path, tried: list[float], losses: list[float], curve: list[float], suggestion: float) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout='constrained')
    axes = figure.add_subplot()
    axes.plot(tried, losses, color='0.75', linewidth=1, label='loss')
    axes.plot(tried, curve, color='tab:blue', label='smoothed')
    axes.axvline(suggestion, color='tab:red', linestyle='--', label=f'suggestion {suggestion:.2g}')
    axes.set_xscale('log')
    axes.set_xlabel('learning rate')
    axes.set_ylabel('loss')
    low, high = min(curve), max(curve[: max(len(curve) // 2, 1)])
    axes.set_ylim(low - 0.1 * (high - low) - 1e-6, high + 0.5 * (high - low) + 1e-6)
    axes.legend()
    with atomic_write(path, 'wb') as handle:
        figure.savefig(handle, format='png', dpi=120)
