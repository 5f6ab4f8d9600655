"""Single keys of a config: ``model.head.num_classes``, ``pseudo.refine.1.bg_exponent``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config, ConfigDict

from mmwsss.config.kinds import used_keys
from mmwsss.config.options import ABSENT, near
from mmwsss.config.source import DECLARATIONS, ConfigError
from mmwsss.config.tree import ConfigTree

_TYPING_ERROR = 0.8
"""Similarity, in [0, 1], from which a new key is taken for a typing error."""


def current_value(tree: ConfigTree, content: Mapping[str, Any], key: str, kind: str | None) -> Any:
    """The value that a key has, or :data:`~mmwsss.config.options.ABSENT` where a new one may be set.

    Args:
        tree: The config.
        content: What it evaluates to.
        key: One name of the top level that is no variable, or names and indices with dots between them.
        kind: What the config is.

    Raises:
        ConfigError: If there is no such key, or nothing reads it.
    """
    first, *inner = key.split('.')
    used = used_keys(kind)
    is_used = used is None or first in used
    if first in DECLARATIONS and not is_used:
        raise ConfigError(f'Expected a variable or key of {tree.path}, but got {key!r}: it says what the config is.')
    if first not in content:
        if is_used and used is not None and not inner:
            return ABSENT
        raise _unknown(tree, content, key, first)
    if not is_used:
        raise ConfigError(
            f'Expected a variable or key of {tree.path} that is used, but got {key!r}{_advice(tree, key)}.'
        )
    value: Any = content[first]
    for depth, part in enumerate(inner):
        parent = '.'.join([first, *inner[:depth]])
        is_leaf = depth == len(inner) - 1
        if isinstance(value, Mapping):
            if part not in value:
                return _new_leaf(tree, value, parent, part, is_leaf)
            value = value[part]
        elif isinstance(value, (list, tuple)):
            if not part.isdigit() or int(part) >= len(value):
                raise ConfigError(f'Expected an index below {len(value)} in {parent} of {tree.path}, but got {part!r}.')
            value = value[int(part)]
        else:
            raise ConfigError(f'Expected a dict or a list in {parent} of {tree.path} to set {key}, but got {value!r}.')
    return value


def set_keys(tree: ConfigTree, content: ConfigDict, keys: Mapping[str, Any]) -> ConfigDict:
    """The content with some keys set, as MMEngine's ``merge_from_dict`` sets them.

    Raises:
        ConfigError: If a dict is given for what is none, or an index for a tuple.
    """
    config = Config(content)
    try:
        config.merge_from_dict(dict(keys))
    except TypeError as error:
        raise ConfigError(f'Expected values for {list(keys)} that fit {tree.path}, but got: {error}') from error
    return config._cfg_dict


def _new_leaf(tree: ConfigTree, parent: Mapping[str, Any], name: str, part: str, is_leaf: bool) -> Any:
    like = near(part, map(str, parent), _TYPING_ERROR if is_leaf and 'type' in parent else 0.6)
    if is_leaf and 'type' in parent and not like:
        return ABSENT
    hint = f' Near it: {", ".join(like)}.' if like else f' It has {", ".join(map(str, parent)) or "none"}.'
    raise ConfigError(f'Expected a key of {name} in {tree.path}, but got {part!r}.{hint}')


def _unknown(tree: ConfigTree, content: Mapping[str, Any], key: str, first: str) -> ConfigError:
    names = {*tree.variables(), *(name for name in content if not name.startswith('_'))} - set(DECLARATIONS)
    like = near(first, names)
    hint = f' Near it: {", ".join(like)}.' if like else ''
    return ConfigError(f'Expected a variable or key of {tree.path}, but got {key!r}.{hint}')


def _advice(tree: ConfigTree, key: str) -> str:
    """End of the error about a key that nothing reads: what to set instead."""
    first = key.split('.')[0]
    variables = tree.variables()
    if first in variables:
        return f': set the variable {first}'
    parts = sorted(name for name in tree.computed_from(first) or () if name in variables)
    return f': it is computed from {", ".join(parts)}, which can be set' if parts else ': nothing that runs reads it'
