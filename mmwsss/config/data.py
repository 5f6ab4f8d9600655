"""Descriptions of data sets: files of ``configs/data``, or a user's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmwsss.config.files import find_config, find_named
from mmwsss.config.options import check_value, near
from mmwsss.config.source import ConfigError
from mmwsss.config.tree import ConfigTree

DEFAULTS = 'configs/_base_/data_variables.py'
"""All variables that describe a data set, each with its default and its meaning."""

_GENERATE = 'generate'


def data_defaults() -> dict[str, Any]:
    """Names and defaults of all variables that describe a data set."""
    return ConfigTree(find_config(DEFAULTS)).variables()


def load_data(data: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a data set.

    Args:
        data: A file of variables, with or without ``_base_``, whose missing ones have the defaults of
            ``configs/_base_/data_variables.py``; the name of a file in ``configs/data``; or values by name, which are
            taken as they are.

    Raises:
        ConfigError: If a name is none of those that describe data, or text stands for a number.
        FileNotFoundError: If there is no such file.
    """
    defaults = data_defaults()
    if isinstance(data, Mapping):
        where, values, base = 'the data', dict(data), {}
    else:
        path = find_named(data, 'data')
        content = ConfigTree(path).evaluate().to_dict()
        content.pop(_GENERATE, None)
        kind = content.pop('kind', 'data')
        if kind != 'data':
            raise ConfigError(f"Expected a config of the kind 'data' in {path}, but got {kind!r}.")
        where, values, base = str(path), {k: v for k, v in content.items() if not k.startswith('_')}, defaults
    for name in values:
        if name not in defaults:
            like = near(name, defaults)
            hint = f' Near it: {", ".join(like)}.' if like else ''
            raise ConfigError(f'Expected variables that describe data in {where}, but got {name!r}.{hint}')
    return {**base, **{name: check_value(name, value, defaults[name]) for name, value in values.items()}}


def load_generator(data: str | Path) -> dict[str, Any]:
    """How a data set's scenes are generated, where they are: its file's ``generate``; else empty.

    Args:
        data: A file, or the name of one in ``configs/data``.
    """
    return dict(ConfigTree(find_named(data, 'data')).evaluate().to_dict().get(_GENERATE) or {})
