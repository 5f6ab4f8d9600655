"""Configs whose variables can be set from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from mmengine.config import Config, ConfigDict

from mmwsss.config.acting import acts, near_variables, why_not
from mmwsss.config.data import data_defaults, load_data
from mmwsss.config.files import find_config, is_shipped
from mmwsss.config.keys import current_value, set_keys
from mmwsss.config.kinds import kind_of, used_part
from mmwsss.config.options import check_value, parse_text, split_options
from mmwsss.config.scales import Scale, load_scale
from mmwsss.config.source import ConfigError
from mmwsss.config.tree import ConfigTree


def load_config(
    path: str | Path,
    options: Mapping[str, Any] | Iterable[str] | None = None,
    *,
    data: str | Path | Mapping[str, Any] | None = None,
    scale: str | Path | Scale | None = None,
) -> Config:
    """Read a config, on some data, at a scale, with options.

    A **variable** is a plain value (number, text, bool, None, a list of them) at the top level of a config or of one of
    its bases. A value that a child, the scale, the data or an option sets reaches everything that is computed from it;
    each of them goes before those named here before it, but a scale not before a config of the user's own. Options with
    dots set single keys.

    Args:
        path: Config file; see :func:`find_config`.
        options: Values by name of a variable or key; or texts ``key=value``, read by
            :func:`~mmwsss.config.options.parse_text`.
        data: Description of the data; see :func:`~mmwsss.config.data.load_data`. Variables that the config does not
            need are passed over.
        scale: Size of the networks; see :func:`~mmwsss.config.scales.load_scale`.

    Returns:
        Config: its ``filename`` is the original file.

    Raises:
        ConfigError: If an option, or a variable of a config that inherits from ours, changes nothing that is used, or
            if a value cannot be read.
        FileNotFoundError: If there is no such config, base, data or scale.
        SyntaxError: Names file and line.
    """
    loading = _Loading(path, data, scale)
    content = loading.with_options(options)
    config = Config(content, cfg_text=loading.tree.text(), filename=str(loading.tree.path))
    if config.get('custom_imports'):
        from mmengine.utils import import_modules_from_strings

        import_modules_from_strings(**config['custom_imports'])
    return config


def config_variables(
    path: str | Path,
    *,
    data: str | Path | Mapping[str, Any] | None = None,
    scale: str | Path | Scale | None = None,
) -> dict[str, Any]:
    """Names and values of the variables of a config and its bases; see :func:`load_config`."""
    loading = _Loading(path, data, scale)
    return {**loading.tree.variables(), **loading.values}


def options_that_act(
    path: str | Path,
    options: Mapping[str, Any] | Iterable[str],
    *,
    data: str | Path | Mapping[str, Any] | None = None,
    scale: str | Path | Scale | None = None,
) -> dict[str, Any]:
    """Those of some options that are variables of a config and change something that is used; see :func:`load_config`.

    For options that are meant for several configs, of which each takes its own.
    """
    loading = _Loading(path, data, scale)
    given = options if isinstance(options, Mapping) else split_options(options)
    content = loading.tree.evaluate(loading.values)
    read = check_value if isinstance(options, Mapping) else parse_text
    known = {name: read(name, value, content[name]) for name, value in given.items() if name in loading.known}
    values = {**loading.values, **known}
    return {name: value for name, value in known.items() if acts(loading.tree, name, loading.kind, values)}


@overload
def split_data_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]: ...
@overload
def split_data_options(options: Sequence[str]) -> tuple[dict[str, Any], list[str]]: ...
def split_data_options(
    options: Mapping[str, Any] | Sequence[str],
) -> tuple[dict[str, Any], dict[str, Any] | list[str]]:
    """Options that describe data, as values, and the others, as they were given: values by name, or texts."""
    defaults = data_defaults()
    if isinstance(options, Mapping):
        data = {name: check_value(name, value, defaults[name]) for name, value in options.items() if name in defaults}
        return data, {name: value for name, value in options.items() if name not in defaults}
    given = split_options(options)
    data = {name: parse_text(name, text, defaults[name]) for name, text in given.items() if name in defaults}
    return data, [f'{name}={text}' for name, text in given.items() if name not in defaults]


class _Loading:
    """A config on some data at a scale, before options."""

    def __init__(
        self, path: str | Path, data: str | Path | Mapping[str, Any] | None, scale: str | Path | Scale | None
    ) -> None:
        chosen = None if scale is None else load_scale(scale)
        file = find_config(path) if chosen is None else chosen.config(path)
        self.tree = ConfigTree(file, None if chosen is None else chosen.swaps)
        self.known = self.tree.variables()
        self.values: dict[str, Any] = {}
        self.kind = kind_of({'kind': self.tree.declared('kind')}, file)
        if chosen is not None:
            own = set(self._set_by_user())
            of_scale = chosen.variables(self.tree, self.kind)
            self.values.update({name: value for name, value in of_scale.items() if name not in own})
        if data is not None:
            described = load_data(data)
            self.values.update({name: value for name, value in described.items() if name in self.known})

    def with_options(self, options: Mapping[str, Any] | Iterable[str] | None) -> ConfigDict:
        """The content of the config with options, each of which acts."""
        variables, keys = self._read(options)
        values = {**self.values, **variables}
        content = self.tree.evaluate(values)
        described = data_defaults()  # of which a config needs only some
        own = [name for name in self._set_by_user() if name not in variables and name not in described]
        alone = len(variables) == 1 and used_part(content, self.kind) != used_part(self._content, self.kind)
        for name in own if alone else (*variables, *own):
            if not acts(self.tree, name, self.kind, values, content):
                raise self._refusal(name, variables, values)
        return set_keys(self.tree, content, keys) if keys else content

    def _read(self, options: Mapping[str, Any] | Iterable[str] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Options as values of variables, and as values of single keys."""
        if not options:
            return {}, {}
        is_text = not isinstance(options, Mapping)
        given = options if isinstance(options, Mapping) else split_options(options)
        content = self._content
        variables: dict[str, Any] = {}
        keys: dict[str, Any] = {}
        for name, value in given.items():
            is_variable = name in self.known
            current = content[name] if is_variable else current_value(self.tree, content, name, self.kind)
            value = parse_text(name, value, current) if is_text else check_value(name, value, current)
            (variables if is_variable else keys)[name] = value
        return variables, keys

    @cached_property
    def _content(self) -> ConfigDict:
        """What the config is without options."""
        return self.tree.evaluate(self.values)

    def _set_by_user(self) -> list[str]:
        """Variables that a user's files set, where they inherit from ours."""
        trees = list(self.tree.trees())
        shipped = {is_shipped(tree.path) for tree in trees}
        if self.kind is None or shipped != {True, False}:  # one that was written out has no bases
            return []
        own = [tree for tree in trees if not tree.is_foreign and not is_shipped(tree.path)]
        return list(dict.fromkeys(name for tree in own for name in tree.source.variables if name in self.known))

    def _refusal(self, name: str, options: Mapping[str, Any], values: Mapping[str, Any]) -> ConfigError:
        got = f'{name}={options[name]!r}' if name in options else name
        like = near_variables(self.tree, name, self.kind, values)
        hint = f' Near it: {", ".join(like)}.' if like else ''
        reason = why_not(self.tree, name, self.kind)
        return ConfigError(f'Expected variables that act in {self.tree.path}, but got {got}: it {reason}.{hint}')
