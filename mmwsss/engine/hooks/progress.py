"""Progress of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmwsss.registry import HOOKS
from mmwsss.utils.progress import Progress


@HOOKS.register_module()
class ProgressHook(Hook):
    """Show a bar of the steps with the remaining time on a terminal, and a line now and then in a log.

    For trainings whose own log goes to a file only. A resumed training starts where it stopped.

    Args:
        label: What is trained; by default the last two folders of the work folder.
        every: Seconds between two lines where standard error is no terminal.
    """

    priority = 'VERY_LOW'

    def __init__(self, label: str | None = None, every: float = 30.0) -> None:
        self.label, self.every = label, every
        self._progress: Progress | None = None

    def before_train(self, runner: Runner) -> None:
        """Start to count; the first of several processes alone."""
        if is_main_process():
            label = self.label or f'training {"/".join(Path(runner.work_dir).parts[-2:])}'
            self._progress = Progress(runner.max_iters, label, self.every, done=runner.iter)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """One more step is done."""
        if self._progress is not None:
            self._progress.update()

    def after_train(self, runner: Runner) -> None:
        """The last line."""
        if self._progress is not None:
            self._progress.close()
