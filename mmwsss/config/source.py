"""A config file: read, parsed and compiled once, under its own name."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

from mmengine.config import Config

from mmwsss.utils.errors import InputError

BASE = '_base_'
DECLARATIONS = ('kind', 'control')
"""Names of plain values that say what a config is; they are not variables."""
_VALUE = '__value__'
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign)


class ConfigError(InputError):
    """A config, or an option of one, is not what it has to be."""


@dataclass(frozen=True)
class Source:
    """A config file in MMEngine's text form.

    Attributes:
        path: The file.
        text: Its content.
        bases: What ``_base_`` names.
        variables: Plain values at the top level (numbers, text, bool, None, lists of them) by name.
        computed: Other names that the top level sets, each with the names that its expression reads.
        code: The compiled file, without ``_base_``; None where MMEngine has to read it (JSON, YAML, templates in double
            braces, imports of other modules).
    """

    path: Path
    text: str
    bases: tuple[str, ...]
    variables: Mapping[str, Any]
    computed: Mapping[str, frozenset[str]]
    code: CodeType | None

    def run(self, base: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the top level sets.

        Args:
            base: What the file sees as ``_base_``.
            values: Values by name that take the place of the file's own plain ones.

        Raises:
            ValueError: If there is no ``code``.
        """
        scope: dict[str, Any] = {
            BASE: base,
            _VALUE: lambda name, own: _copy(values[name]) if name in values else own,
        }
        if self.code is None:
            raise ValueError(f'Expected a config that this package evaluates, but MMEngine has to read {self.path}.')
        exec(self.code, scope)
        return {name: value for name, value in scope.items() if name != BASE and not name.startswith('__')}


def read_source(path: Path) -> Source:
    """Read a config file; unchanged files are parsed once.

    Raises:
        FileNotFoundError: If there is no such file.
        SyntaxError: Names the file and the line.
    """
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=512)
def _read(path: Path, _modified: int, _size: int) -> Source:
    text = path.read_text(encoding='utf-8')
    if path.suffix != '.py':
        return Source(path, text, (), {}, {}, None)
    tree = ast.parse(text, filename=str(path))
    if '{{' in text or _imports(tree, path):
        return Source(path, text, (), {}, {}, None)
    bases: tuple[str, ...] = ()
    variables: dict[str, Any] = {}
    computed: dict[str, frozenset[str]] = {}
    body: list[ast.stmt] = []
    for node, names, value in _statements(tree):
        if names == [BASE] and value is not None:
            named = eval(compile(ast.Expression(value), str(path), 'eval'))
            bases = (named,) if isinstance(named, str) else tuple(named)
            continue
        body.append(node)
        for name in names:
            is_variable = len(names) == 1 and not name.startswith('_')
            if isinstance(node, _ASSIGNMENTS) and value is not None and is_variable and is_plain(value):
                computed.pop(name, None)
                variables[name] = ast.literal_eval(value)
                _let_set(node, name, value)
            else:
                variables.pop(name, None)
                computed[name] = _names_read(value)
    tree.body = body
    code = compile(ast.fix_missing_locations(tree), str(path), 'exec')
    return Source(path, text, bases, variables, computed, code)


def _imports(tree: ast.Module, path: Path) -> bool:
    """Whether MMEngine reads the file as a config of its lazy kind."""
    special = (ast.Import, ast.ImportFrom, ast.With)
    return any(isinstance(node, special) for node in tree.body) and Config._is_lazy_import(str(path))


def _statements(tree: ast.Module) -> Iterator[tuple[ast.stmt, list[str], ast.expr | None]]:
    """Each statement, with the names that it sets and the expression."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield node, [target.id for target in node.targets if isinstance(target, ast.Name)], node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node, [node.target.id], node.value
        else:
            yield node, [], None


def _let_set(node: ast.Assign | ast.AnnAssign, name: str, own: ast.expr) -> None:
    """Let ``name = 3`` read ``name = __value__('name', 3)``."""
    call = ast.Call(ast.Name(_VALUE, ast.Load()), [ast.Constant(name), own], [])
    node.value = ast.copy_location(call, own)


def is_plain(node: ast.expr) -> bool:
    """Whether an expression is a literal without dicts and sets."""
    if any(isinstance(part, (ast.Dict, ast.Set)) for part in ast.walk(node)):
        return False
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True


def plain_value(value: Any) -> bool:
    """Whether a value is what a variable may hold."""
    if isinstance(value, (list, tuple)):
        return all(plain_value(part) for part in value)
    return value is None or isinstance(value, (bool, int, float, str))


def _names_read(value: ast.expr | None) -> frozenset[str]:
    found = set()
    for part in ast.walk(value) if value is not None else ():
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == BASE:
            found.add(part.attr)
        elif isinstance(part, ast.Name) and part.id != BASE:
            found.add(part.id)
    return frozenset(found)


def _copy(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_copy(part) for part in value)
    return value
