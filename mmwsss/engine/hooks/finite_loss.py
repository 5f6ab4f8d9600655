"""A training that diverges stops at once."""

from __future__ import annotations

import math
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmwsss.registry import HOOKS
from mmwsss.utils.errors import InputError


class DivergedError(InputError):
    """A loss that is not a finite number."""


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop at the first loss that is NaN or infinite, before a checkpoint of it is written.

    Raises:
        DivergedError: Names the epoch, the step, each term of the loss, and the last checkpoint that is sound.
    """

    priority = 'VERY_HIGH'

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Look at the losses of a step."""
        if outputs is None:
            return
        losses = {name: float(value.detach()) for name, value in outputs.items() if 'loss' in name}
        if all(math.isfinite(value) for value in losses.values()):
            return
        named = ', '.join(f'{name} {value:g}' for name, value in losses.items())
        raise DivergedError(
            f'Expected a finite loss in {runner.work_dir}, but got {named} in epoch {runner.epoch + 1}, step '
            f'{batch_idx + 1}. Checkpoints of earlier epochs are sound; try a lower lr.'
        )
