"""Checkpoints as MMEngine writes them."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader


def load_checkpoint_file(path: str | Path) -> dict:
    """A checkpoint as MMEngine wrote it, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint.
    """
    if '://' not in str(path) and not Path(path).is_file():
        raise FileNotFoundError(f'Expected a checkpoint in {path}, but there is no such file.')
    try:
        checkpoint = CheckpointLoader.load_checkpoint(str(path), map_location='cpu', logger='silent')
    except Exception as error:  # torch raises a dozen kinds for a broken file
        raise ValueError(f'Expected a checkpoint in {path}, but it cannot be read: {error}') from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'Expected a checkpoint with a state_dict in {path}, but got {type(checkpoint).__name__}.')
    return checkpoint


def model_config(checkpoint: dict, path: str | Path, config: Config | None = None) -> Config:
    """The config whose model the weights belong to: the one given, or the one that the checkpoint carries.

    Raises:
        ValueError: If there is neither.
    """
    if config is not None and config.get('model') is not None:
        return config
    text = checkpoint.get('meta', {}).get('cfg')
    if not text:
        raise ValueError(f'Expected the training config inside {path}, but it carries none: give it by --model-config.')
    return Config.fromstring(text, '.py')
