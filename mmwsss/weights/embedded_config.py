"""The training config inside a checkpoint: read, never run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmwsss.utils.errors import InputError
from mmwsss.weights.checkpoints import UnsafeCheckpointError, refusal
from mmwsss.weights.trust import trusted

_SCOPES = ('mmengine', 'mmcv', 'mmpretrain', 'mmseg', 'mmdet', 'mmwsss')
_TYPE = re.compile(rf'(?:(?:{"|".join(_SCOPES)})\.)?[A-Z][A-Za-z0-9_]*')


def _literal(node: ast.AST) -> Any:
    """The value of an expression of numbers, texts, lists and ``dict(...)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict' and not node.args:
        result: dict[Any, Any] = {}
        for keyword in node.keywords:
            value = _literal(keyword.value)
            result.update(value if keyword.arg is None else {keyword.arg: value})
        return result
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {_literal(key): _literal(value) for key, value in zip(node.keys, node.values) if key is not None}
    if isinstance(node, ast.List):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_literal(item) for item in node.elts)
    return ast.literal_eval(node)


def parse_config(text: str) -> Config:
    """Read a config as MMEngine dumps it, without running it.

    Raises:
        ValueError: If it has anything but assignments of plain values.
    """
    content = {}
    for statement in ast.parse(text).body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            raise InputError(f'line {statement.lineno} is no assignment of a plain value')
        content[statement.targets[0].id] = _literal(statement.value)
    return Config(content)


def _foreign_types(value: Any) -> Iterator[str]:
    """Names after ``type`` that a registry would import from anywhere, such as ``subprocess.Popen``."""
    if isinstance(value, dict):
        name = value.get('type')
        if isinstance(name, str) and not _TYPE.fullmatch(name):
            yield name
        for inner in value.values():
            yield from _foreign_types(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _foreign_types(inner)


def model_config(checkpoint: dict, path: str | Path, config: Config | None = None, trust: bool | None = None) -> Config:
    """The config whose model the weights belong to: the one given, or the one that the checkpoint carries.

    The one inside is read and not run, and may name registered classes only.

    Args:
        checkpoint: What :func:`~mmwsss.weights.checkpoints.read_checkpoint` gave.
        path: Its file, for errors.
        config: A training config that overrules the one inside.
        trust: See :func:`~mmwsss.weights.trust.trusted`.

    Raises:
        ValueError: If there is neither.
        UnsafeCheckpointError: If the one inside would run code.
    """
    if config is not None and config.get('model') is not None:
        return config
    text = checkpoint.get('meta', {}).get('cfg')
    if not text:
        raise InputError(f'Expected the training config inside {path}, but it carries none: give it by --model-config.')
    if trusted(trust):
        return Config.fromstring(text, '.py')
    try:
        parsed = parse_config(text)
    except (ValueError, SyntaxError, TypeError, RecursionError) as error:
        raise UnsafeCheckpointError(refusal(f'The config inside the checkpoint {path}', str(error))) from error
    foreign = sorted(set(_foreign_types(parsed.to_dict().get('model'))))
    if foreign:
        raise UnsafeCheckpointError(
            refusal(f'The config inside the checkpoint {path}', f'it names {", ".join(foreign)}')
        )
    return parsed
