"""A training that diverges stops at once, and leaves no checkpoint of it."""

from __future__ import annotations

import math
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmwsss.registry import HOOKS
from mmwsss.utils.errors import InputError


class DivergedError(InputError):
    """A loss, or a weight after the step, that is not a finite number."""


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop at the first loss that is NaN or infinite, and before weights that are either are saved.

    The last step of an epoch can spoil the weights while its loss was still finite.

    Raises:
        DivergedError: Names the epoch, the step, and each term of the loss or the first weight that is not finite.
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
            f'{batch_idx + 1}. Checkpoints of earlier epochs have finite weights; try a lower lr.'
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Look at the weights."""
        for name, value in checkpoint['state_dict'].items():
            if value.is_floating_point() and not torch.isfinite(value).all():
                raise DivergedError(
                    f'Expected finite weights in {runner.work_dir}, but {name} has NaN or infinity after epoch '
                    f'{runner.epoch + 1}. Checkpoints of earlier epochs have finite weights; try a lower lr.'
                )
