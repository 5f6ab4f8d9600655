"""Configs: variables, options, scales and descriptions of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config, DictAction

from mmwsss.config import loading


def parse_options(texts: Sequence[str] | None) -> dict[str, Any]:
    """Options of the command line, ``key=value``, as values."""
    return {key: DictAction._parse_iterable(value) for key, value in (text.split('=', 1) for text in texts or ())}


def load_config(
    path: str, options: Mapping[str, Any] | Sequence[str] | None = None, *, data: Any = None, scale: Any = None
) -> Config:
    """Read a config; see :func:`mmwsss.config.loading.load_config`."""
    given = dict(options) if isinstance(options, Mapping) else parse_options(options)
    described = {**loading.data_options(scale), **loading.data_options(data)}
    return loading.load_config(path, {**described, **given})
