"""Scales: the same rows with networks of another size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mmengine.config import ConfigDict

from mmwsss.config.files import config_folders, find_config, find_named
from mmwsss.config.source import ConfigError
from mmwsss.config.tree import ConfigTree


@dataclass(frozen=True)
class Scale:
    """What a file of ``configs/scales`` says.

    Attributes:
        path: The file.
        content: Its keys: ``bases`` (base file -> the one in its place), ``configs`` (config -> the one in its place,
            where other bases are not enough), ``variables`` (by kind, or by a file that a config is or inherits from),
            ``layers`` (block of a table -> block in its place).
    """

    path: Path
    content: ConfigDict

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.stem

    @cached_property
    def swaps(self) -> dict[Path, Path]:
        """Base files, each with the file that takes its place."""
        return {_inside(old): _inside(new) for old, new in self.content.get('bases', {}).items()}

    @cached_property
    def _configs(self) -> dict[Path, Path]:
        return {_inside(old): _inside(new) for old, new in self.content.get('configs', {}).items()}

    def config(self, path: str | Path) -> Path:
        """The config that takes the place of one.

        Raises:
            FileNotFoundError: If there is no such config.
        """
        path = find_config(path)
        return self._configs.get(path, path)

    def variables(self, tree: ConfigTree, kind: str | None) -> dict[str, Any]:
        """Those of the scale's variables that a config of this scale has."""
        own = self.content.get('variables', {})
        chosen = dict(own.get(kind, {}))
        files = set(tree.files())
        for name, values in own.items():
            if name.endswith('.py') and _inside(name) in files:
                chosen.update(values)
        known = tree.variables()
        found = {name: value for name, value in chosen.items() if name in known}
        if 'target_layers' in known:
            found['target_layers'] = self.target_layers(known['target_layers'])
        return found

    def target_layers(self, layers: Sequence[int | str]) -> list[int | str]:
        """The blocks that take the place of a table's."""
        places = self.content.get('layers', {})
        return [places.get(layer, layer) for layer in layers]


def load_scale(scale: str | Path | Scale) -> Scale:
    """A scale by its name (``'small'``) or its file.

    Raises:
        ConfigError: If the file is no scale.
        FileNotFoundError: If there is none, or a file that it names is missing.
    """
    if isinstance(scale, Scale):
        return scale
    path = find_named(scale, 'scales')
    content = ConfigTree(path).evaluate()
    if content.get('kind') != 'scale':
        raise ConfigError(f"Expected a config of the kind 'scale' in {path}, but got {content.get('kind')!r}.")
    found = Scale(path, content)
    _ = found.swaps, found._configs
    return found


def _inside(name: str) -> Path:
    """A file that a scale names, below the folder of configs."""
    for folder in config_folders():
        if (folder / name).is_file():
            return (folder / name).resolve()
    return find_config(name)
