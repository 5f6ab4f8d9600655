"""A config with its bases: its variables, and its content where some of them are set."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from mmwsss.config.files import base_path
from mmwsss.config.source import DECLARATIONS, ConfigError, Source, plain_value, read_source
from mmwsss.utils.errors import UnknownNameError


class ConfigTree:
    """A config file and the files that it inherits from.

    A plain value that a child sets reaches what its bases compute from it. Files of a host, and files of the forms
    that MMEngine alone reads, are read by MMEngine; of them single keys can be set.

    Args:
        path: The config.
        swaps: Base files, each with the file that takes its place.

    Raises:
        ConfigError: If a file inherits from itself.
        FileNotFoundError: If a base is missing.
        SyntaxError: Names the file and the line.
    """

    def __init__(self, path: Path, swaps: Mapping[Path, Path] | None = None) -> None:
        self._build(path, dict(swaps or {}), None, ())

    def _build(self, path: Path, swaps: Mapping[Path, Path], scope: str | None, above: tuple[Path, ...]) -> None:
        if path in above:
            raise ConfigError(f'Expected bases without a circle in {above[-1]}, but {path} inherits from itself.')
        self.path, self.scope = path, scope
        self.source: Source = read_source(path)
        self.is_foreign = scope is not None or self.source.code is None
        self.bases: list[ConfigTree] = []
        for name in () if self.is_foreign else self.source.bases:
            file, scope = base_path(name, path)
            base = ConfigTree.__new__(ConfigTree)
            base._build(swaps.get(file, file), swaps, scope, (*above, path))
            self.bases.append(base)

    def files(self) -> Iterator[Path]:
        """This file and all that it inherits from."""
        yield self.path
        for base in self.bases:
            yield from base.files()

    def trees(self) -> Iterator[ConfigTree]:
        """This config and all that it inherits from, each with its own bases."""
        yield self
        for base in self.bases:
            yield from base.trees()

    def variables(self) -> dict[str, Any]:
        """Names and values of the variables; a name whose value a child computes is not one of them."""
        if self.is_foreign:
            content = _read_by_host(self.path)[0]
            return {name: value for name, value in content.items() if plain_value(value) and not name.startswith('_')}
        found: dict[str, Any] = {}
        for base in self.bases:
            found.update(base.variables())
        for name in self.source.computed:
            found.pop(name, None)
        found.update(self.source.variables)
        return {name: value for name, value in found.items() if name not in DECLARATIONS}

    def declared(self, name: str) -> Any:
        """The plain value that this config or the nearest of its bases sets, for example its ``kind``; else None."""
        if name in self.source.variables:
            return self.source.variables[name]
        return next((found for base in self.bases if (found := base.declared(name)) is not None), None)

    def computed_from(self, name: str) -> frozenset[str] | None:
        """The names that a computed value is made of; None where ``name`` is not computed."""
        if name in self.source.computed:
            return self.source.computed[name]
        return next((found for base in self.bases if (found := base.computed_from(name)) is not None), None)

    def evaluate(self, values: Mapping[str, Any] | None = None) -> ConfigDict:
        """The config's content: bases merged as MMEngine merges them.

        Args:
            values: Values of variables, over those of all files.

        Raises:
            KeyError: If two bases set the same key.
        """
        return ConfigDict(self._evaluate(values or {}))

    def _evaluate(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if self.is_foreign:
            content = copy.deepcopy(_read_by_host(self.path)[0])
            content.update({name: value for name, value in values.items() if plain_value(content.get(name, {}))})
            return content
        below = {**self.source.variables, **values}
        merged = ConfigDict()
        for base in self.bases:
            content = base._evaluate(below)
            twice = merged.keys() & content.keys()
            if twice:
                raise UnknownNameError(
                    f'Expected bases of {self.path} with different keys, but two have {sorted(twice)}.'
                )
            merged.update(
                Config._dict_to_config_dict(ConfigDict(content), base.scope) if base.scope else ConfigDict(content)
            )
        return Config._merge_a_into_b(self.source.run(merged, values), merged)

    def text(self) -> str:
        """The texts of all files, as MMEngine keeps them with a config."""
        if self.is_foreign:
            return _read_by_host(self.path)[1]
        return '\n'.join([*(base.text() for base in self.bases), f'{self.path}\n{self.source.text}'])


def _read_by_host(path: Path) -> tuple[ConfigDict, str]:
    state = path.stat()
    return _read_unchanged(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _read_unchanged(path: Path, _modified: int, _size: int) -> tuple[ConfigDict, str]:
    config = Config.fromfile(path, import_custom_modules=False)
    return config._cfg_dict, config.text
