"""A resumed run that goes on as if it had never stopped."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmwsss.registry import HOOKS

_KEY = 'mmwsss_random_states'


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Keep the states of the random generators in every checkpoint and restore them after ``resume``.

    Dropout and augmentation in the main process then go on where they stopped. MMEngine keeps weights, optimiser and
    schedules; its sampler follows the epoch number by itself.

    Workers of the training's loader are seeded by the run's seed, the epoch, the rank and the worker. By itself
    MMEngine seeds those that are started anew for every epoch alike each time, so that the first picture of an epoch
    always gets the first crop, flip and colour. Workers that live for several epochs (``persistent_workers``) are
    seeded once, and again where a run is resumed.
    """

    priority = 'VERY_LOW'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the states."""
        legacy_state: Any = np.random.get_state()
        kind, keys, *numbers = legacy_state
        checkpoint[_KEY] = {
            'torch': torch.get_rng_state(),
            'cuda': torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            'numpy': [kind, torch.from_numpy(keys.astype(np.int64)), *numbers],
            'python': list(random.getstate()),
        }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember the states of a checkpoint that is resumed from."""
        if runner._resume:
            self._states = checkpoint.get(_KEY)

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed the workers of this epoch, and restore the states once, after everything that building the run drew."""
        loader = runner.train_dataloader
        seed = int(np.random.SeedSequence([runner.seed, runner.epoch]).generate_state(1)[0] >> 1)
        loader.worker_init_fn = partial(worker_init_fn, num_workers=loader.num_workers, rank=get_rank(), seed=seed)
        states = self.__dict__.pop('_states', None)
        if states is None:
            return
        torch.set_rng_state(states['torch'])
        if states['cuda'] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(states['cuda'])
        kind, keys, *numbers = states['numpy']
        np.random.set_state((kind, keys.numpy().astype(np.uint32), *numbers))
        version, internal, gauss = states['python']
        random.setstate((version, tuple(internal), gauss))
