"""Pipeline configs from files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmwsss.config import load_config
from mmwsss.utils.errors import InputError


def load_pipeline(
    path: str | Path,
    options: Mapping[str, Any] | Iterable[str] | None = None,
    data: str | None = None,
    scale: str | None = None,
) -> Config:
    """Read a pipeline config.

    Args:
        path: The config.
        options: Variables and keys.
        data: Description of the data that takes the place of the config's.
        scale: Size of the networks that takes the place of the config's.

    Raises:
        InputError: If it is another kind of config.
    """
    cfg = load_config(path, options)
    if cfg.get('kind') != 'pipeline':
        raise InputError(f"Expected a config of kind 'pipeline', but {path} is of kind {cfg.get('kind')!r}.")
    if data is not None:
        cfg.merge_from_dict({'data': data})
    if scale is not None:
        cfg.merge_from_dict({'scale': scale})
    return cfg
