"""Checkpoints of one-stage trainings that are those of an ordinary segmentor."""

from __future__ import annotations

import copy

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmwsss.models.segmentors.one_stage import OneStageSegmentor, ordinary_model
from mmwsss.registry import HOOKS
from mmwsss.utils.errors import InputError

_KEY = 'mmwsss_one_stage'
_ASIDE = ('classifier.', 'steps')


@HOOKS.register_module()
class OrdinaryCheckpointHook(Hook):
    """Save a :class:`~mmwsss.models.segmentors.OneStageSegmentor` as the ``EncoderDecoder`` that it is to predict.

    The classifier's weights and the number of steps stand beside the others, where a resumed training finds them; the
    config inside names an ``EncoderDecoder``, so that every tool that reads one reads these checkpoints.

    Raises:
        ValueError: If another model is trained.
    """

    priority = 'LOW'

    def __init__(self) -> None:
        self._text: str | None = None

    def before_run(self, runner: Runner) -> None:
        """Refuse other models."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if not isinstance(model, OneStageSegmentor):
            raise InputError(f'Expected a OneStageSegmentor for {type(self).__name__}, but got {type(model).__name__}.')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Move aside what an ``EncoderDecoder`` has not."""
        state = checkpoint['state_dict']
        names = [name for name in state if name.startswith(_ASIDE)]
        checkpoint[_KEY] = {name: state.pop(name) for name in names}
        checkpoint['meta']['cfg'] = self._config_text(runner)

    def _config_text(self, runner: Runner) -> str:
        if self._text is None:  # to write it takes seconds
            cfg = copy.deepcopy(runner.cfg)
            cfg.model = ordinary_model(cfg.model.to_dict())
            own = f'mmwsss.{type(self).__name__}'
            cfg.custom_hooks = [hook for hook in cfg.custom_hooks if hook.get('type') != own]
            self._text = cfg.pretty_text
        return self._text

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put it back."""
        if 'state_dict' in checkpoint:
            checkpoint['state_dict'].update(checkpoint.pop(_KEY, {}))
