"""Configs whose variables can be set from outside."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

import mmwsss

_BASE = '_base_'


def find_config(path: str | Path) -> Path:
    """A config by its path or, from any folder, by its path below the package's own ``configs``.

    Raises:
        FileNotFoundError: Names the places looked at.
    """
    path = Path(path)
    package = Path(mmwsss.__file__).parent
    inside = Path(*path.parts[1:]) if path.parts and path.parts[0] == 'configs' else path
    places = [path, package / '.mim' / 'configs' / inside, package.parent / 'configs' / inside]
    for place in places:
        if place.is_file():
            return place.resolve()
    raise FileNotFoundError(f'Expected a config {path}, but found none in {", ".join(str(p) for p in places)}.')


def load_config(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read a config, with options.

    An option that names a **variable** at the top of the config or of one of its bases (a plain value such as
    ``img_size = 512``) acts as if it had been edited there, so that everything computed from it follows. Other options
    set single keys, as MMEngine's ``--cfg-options`` do.

    Args:
        path: Config file; see :func:`find_config`.
        options: Values by key; dots reach into dicts and lists.

    Returns:
        Config: its ``filename`` is the original file.

    Raises:
        FileNotFoundError: If there is no such config.
        KeyError: If an option without a dot is neither a variable nor a key of the config.
    """
    path = find_config(path)
    options = dict(options or {})
    names = {name for name in options if name.isidentifier()}
    with tempfile.TemporaryDirectory() as folder:
        copier = _VariableSetter(Path(folder), {name: options[name] for name in names})
        copied = copier.copy(path) if names else path
        config = Config.fromfile(copied, import_custom_modules=False)
    for name in names - copier.found:
        if name not in config:
            raise KeyError(f'Expected a variable or key of {path}, but got {name!r}.')
    config.merge_from_dict({name: value for name, value in options.items() if name not in copier.found})
    object.__setattr__(config, '_filename', str(path))  # Config's own setter would make it a key
    if config.get('custom_imports'):
        from mmengine.utils import import_modules_from_strings

        import_modules_from_strings(**config['custom_imports'])
    return config


def data_options(path: str | Path | None) -> dict[str, Any]:
    """The plain values of a file that describes a data set (``configs/data/*.py``), as options for any config.

    Args:
        path: The file; None gives no options.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    return {} if path is None else Config.fromfile(find_config(path)).to_dict()


def config_variables(path: str | Path) -> set[str]:
    """Names of the variables of a config and its bases; see :func:`load_config`."""
    names: set[str] = set()
    waiting, seen = [find_config(path)], set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for name, value in _assignments(ast.parse(current.read_text(encoding='utf-8'))):
            if name == _BASE:
                bases = ast.literal_eval(value)
                bases = [bases] if isinstance(bases, str) else bases
                waiting += [(current.parent / base).resolve() for base in bases if '::' not in base]
            elif _is_plain(value):
                names.add(name)
    return names


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


class _VariableSetter:
    """Copies a config and its bases, with other values for some variables."""

    def __init__(self, folder: Path, values: Mapping[str, Any]) -> None:
        self.folder, self.values = folder, values
        self.found: set[str] = set()
        self._copies: dict[Path, Path] = {}

    def copy(self, path: Path) -> Path:
        path = path.resolve()
        if path in self._copies:
            return self._copies[path]
        self._copies[path] = target = self.folder / f'config_{len(self._copies)}.py'
        tree = ast.parse(path.read_text(encoding='utf-8'))
        for node in tree.body:
            if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
                continue
            name = node.targets[0].id
            if name == _BASE:
                bases = ast.literal_eval(node.value)
                bases = [bases] if isinstance(bases, str) else bases
                node.value = _literal([self._base(base, path.parent) for base in bases])
            elif name in self.values and _is_plain(node.value):
                node.value = _literal(self.values[name])
                self.found.add(name)
        target.write_text(ast.unparse(tree), encoding='utf-8')
        return target

    def _base(self, base: str, folder: Path) -> str:
        return base if '::' in base or '://' in base else str(self.copy(folder / base))


def _literal(value: Any) -> ast.expr:
    return ast.parse(repr(value), mode='eval').body


def _is_plain(node: ast.expr) -> bool:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return False
    return not isinstance(value, dict)
