"""Options from the command line: what ``key=value`` means for the value that it takes the place of."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mmwsss.config.source import ConfigError

ABSENT = object()
"""Stands for the value of a key that is not there."""


def split_options(options: Iterable[str]) -> dict[str, str]:
    """``['epochs=3', 'model.head.num_classes=2']`` by key.

    Raises:
        ConfigError: If one has no ``=`` or nothing before it.
    """
    found = {}
    for option in options:
        key, equals, value = option.partition('=')
        if not equals or not key.strip():
            raise ConfigError(f'Expected options of the form KEY=VALUE, but got {option!r}.')
        found[key.strip()] = value
    return found


def parse_text(key: str, text: str, current: Any = ABSENT) -> Any:
    """The value that a text means in the place of ``current``.

    Text in the place of text is taken as it is (``None`` alone is None, a leading ``~`` is the home folder). Otherwise
    it is a Python literal; for a list also names with commas between them, or one.

    Args:
        key: For the error.
        text: What stands behind the ``=``.
        current: The value that is there.

    Raises:
        ConfigError: If the text cannot take the place of the value.
    """
    if text == 'None':
        return None
    if isinstance(current, str):
        return _home(text)
    if isinstance(current, bool):
        words = {'true': True, 'false': False, '1': True, '0': False}
        if text.strip().lower() not in words:
            raise ConfigError(f'Expected True or False for {key}, but got {text!r}.')
        return words[text.strip().lower()]
    if isinstance(current, (int, float)):
        return _number(key, text)
    if isinstance(current, (list, tuple)):
        return type(current)(_parts(key, text, current))
    value = _literal(text)
    if isinstance(current, Mapping):
        if not isinstance(value, dict):
            raise ConfigError(f'Expected a dict for {key}, or one of its keys as {key}.KEY, but got {text!r}.')
        return value
    if value is not ABSENT:
        return value
    return _names(text) if text.strip().startswith('[') and text.strip().endswith(']') else _home(text)


def check_value(key: str, value: Any, current: Any) -> Any:
    """A Python value in the place of ``current``: one text for a list is a list of it; text is no number.

    Raises:
        ConfigError: If text stands for a number or for True or False.
    """
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str):
        if isinstance(current, (list, tuple)):
            return type(current)([value])
        if isinstance(current, (bool, int, float)):
            kind = 'True or False' if isinstance(current, bool) else 'a number'
            raise ConfigError(f'Expected {kind} for {key}, but got {value!r}.')
    return value


def near(name: str, names: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Names that are spelled like a name, the nearest first; at most three."""
    return get_close_matches(name, sorted(set(names) - {name}), n=3, cutoff=cutoff)


def _home(text: str) -> str:
    return str(Path(text).expanduser()) if text.startswith('~') else text


def _literal(text: str) -> Any:
    words = {'true': True, 'false': False}
    if text.strip().lower() in words:
        return words[text.strip().lower()]
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ABSENT


def _number(key: str, text: str) -> int | float:
    value = _literal(text)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f'Expected a number for {key}, but got {text!r}.')
    return value


def _parts(key: str, text: str, current: Sequence[Any]) -> list[Any]:
    value = _literal(text)
    if current and all(isinstance(part, str) for part in current):
        return list(value) if _all_text(value) else _names(text)
    if isinstance(value, (list, tuple)):
        parts = list(value)
    elif value is not ABSENT:
        parts = [value]
    else:
        parts = [text if (one := _literal(text)) is ABSENT else one for text in _names(text)]
    if current and all(isinstance(part, float) for part in current):
        wrong = [part for part in parts if isinstance(part, bool) or not isinstance(part, (int, float))]
        if wrong:
            raise ConfigError(f'Expected numbers for {key}, but got {text!r}.')
    return parts


def _all_text(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value)


def _names(text: str) -> list[str]:
    """``a,b`` or ``[a, b]`` as texts; quotes around one are dropped."""
    text = text.strip()
    if text.startswith('[') and text.endswith(']'):
        text = text[1:-1]
    parts = [part.strip() for part in text.split(',')]
    return [
        part[1:-1] if len(part) > 1 and part[0] == part[-1] and part[0] in '\'"' else part for part in parts if part
    ]
