"""The learning-rate range test's hook (Smith, WACV 2017)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmwsss.registry import HOOKS

_SMOOTHING = 0.95
_DIVERGED = 4.0


def smooth(losses: Sequence[float], factor: float = _SMOOTHING) -> list[float]:
    """Exponential mean that is not biased towards its start."""
    mean, smoothed = 0.0, []
    for step, loss in enumerate(losses, 1):
        mean = factor * mean + (1 - factor) * loss
        smoothed.append(mean / (1 - factor**step))
    return smoothed


@HOOKS.register_module()
class LrRangeHook(Hook):
    """Set the rate of every step, note the loss, and stop the run when it has diverged.

    Parameter groups keep their factors (``paramwise_cfg``).

    Args:
        learning_rates: One a step.
    """

    priority = 'VERY_LOW'

    def __init__(self, learning_rates: Sequence[float]) -> None:
        self.learning_rates = list(learning_rates)
        self.losses: list[float] = []

    def before_train(self, runner: Runner) -> None:
        """Note each group's factor."""
        groups = runner.optim_wrapper.param_groups
        largest = max(group['lr'] for group in groups)
        self._factors = [group['lr'] / largest for group in groups]

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set the rate."""
        for group, factor in zip(runner.optim_wrapper.param_groups, self._factors):
            group['lr'] = factor * self.learning_rates[runner.iter]

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Note the loss."""
        loss = float(outputs['loss'].detach())
        best = min(smooth(self.losses), default=math.inf)
        if not math.isfinite(loss) or (len(self.losses) > 10 and smooth([*self.losses, loss])[-1] > _DIVERGED * best):
            runner.train_loop.stop_training = True
            return
        self.losses.append(loss)
