"""What a config is, and which of its top-level keys are read by what runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmwsss.config.source import ConfigError

_TRAINING = (
    'model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr',
    'val_dataloader', 'val_cfg', 'val_evaluator', 'test_dataloader', 'test_cfg', 'test_evaluator',
    'default_hooks', 'custom_hooks', 'log_processor', 'log_level', 'visualizer', 'default_scope', 'custom_imports',
    'randomness', 'env_cfg', 'load_from', 'work_dir', 'experiment_name', 'data_preprocessor', 'model_wrapper_cfg',
    'sync_bn', 'find_unused_parameters', 'activation_checkpointing', 'efficient_conv_bn_eval', 'compile',
)  # fmt: skip
"""What ``Runner.from_cfg`` and :mod:`mmwsss.apis.training` read; ``resume`` and ``launcher`` are set by the tools."""
_PSEUDO = (
    'pseudo', 'pseudo_set', 'model', 'val_set', 'val_masks', 'test_set', 'test_masks', 'evaluation', 'default_scope',
    'custom_imports',
)  # fmt: skip
_PIPELINE = (
    'work_dir', 'title', 'seed', 'threshold', 'gallery', 'data', 'data_options', 'scale', 'generate', 'include', 'runs',
)  # fmt: skip

USED: dict[str, tuple[str, ...] | None] = {
    'classifier': _TRAINING,
    'segmentor': _TRAINING,
    'affinity': _TRAINING,
    'pseudo': _PSEUDO,
    'pipeline': _PIPELINE,
    'scale': None,
    'data': None,
}
"""Keys that are used, by kind; None: all."""

TRAINED = ('classifier', 'segmentor', 'affinity')
"""Kinds that :func:`mmwsss.apis.train` takes."""


def kind_of(config: Mapping[str, Any], path: Any) -> str | None:
    """What a config says it is; None for a host's config, which says nothing.

    Raises:
        ConfigError: If there is no such kind.
    """
    kind = config.get('kind')
    if kind is not None and kind not in USED:
        raise ConfigError(f'Expected a kind of {list(USED)} in {path}, but got {kind!r}.')
    return kind


def used_keys(kind: str | None) -> tuple[str, ...] | None:
    """Top-level keys that are read by what runs a kind of config; None: all of them."""
    return tuple(dict.fromkeys((*_TRAINING, *_PSEUDO))) if kind is None else USED[kind]


def used_part(config: Mapping[str, Any], kind: str | None) -> dict[str, Any]:
    """What of a config is used."""
    keys = used_keys(kind)
    used = dict(config) if keys is None else {key: config[key] for key in keys if key in config}
    model = used.get('model')
    if kind in (None, *TRAINED) and isinstance(model, Mapping) and model.get('data_preprocessor') is not None:
        used.pop('data_preprocessor', None)  # the model's own counts
    return used
