"""Checkpoints: read as data, never run as code."""

from __future__ import annotations

import ast
import contextlib
import os
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn as nn
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader

import mmwsss.weights.packages  # noqa: F401  (MMEngine learns its addresses)
from mmwsss.weights.trust import TRUST_VARIABLE, trusted

_FORCE = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'  # PyTorch's own switch: it also holds where a host asks for an unsafe load
_DTYPES = ('?', 'b', 'B', 'h', 'H', 'i', 'I', 'l', 'L', 'q', 'Q', 'e', 'f', 'd')


class UnsafeCheckpointError(ValueError):
    """A checkpoint that would run code when it is loaded."""


def _history_method(owner: Any, name: str) -> Any:
    """Stands for ``getattr`` in MMEngine's own checkpoints, which keep four methods of their log buffers by name."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise pickle.UnpicklingError(f'getattr({owner!r}, {name!r})')
    return getattr(owner, name)


def _safe_globals() -> list[Any]:
    """What MMEngine's checkpoints hold beside tensors: log histories, as arrays of numbers."""
    array = np.arange(1).__reduce__()[0]  # NumPy's own rebuilder, wherever this version has it
    scalar = np.float64(1).__reduce__()[0]
    functions: list[Any] = [(array, f'numpy.{core}.multiarray._reconstruct') for core in ('core', '_core')]
    functions += [(scalar, f'numpy.{core}.multiarray.scalar') for core in ('core', '_core')]
    dtypes = {type(np.dtype(kind)) for kind in _DTYPES}
    return [np.ndarray, np.dtype, *dtypes, HistoryBuffer, (_history_method, 'builtins.getattr'), *functions]


@contextlib.contextmanager
def weights_only() -> Iterator[None]:
    """Every ``torch.load`` inside reads data alone, whoever calls it and whatever it asks for.

    MMEngine falls back to unsafe loading where safe loading fails; not inside this block.

    Raises:
        UnsafeCheckpointError: If a file would run code.
    """
    if trusted():
        yield
        return
    before = os.environ.get(_FORCE)
    os.environ[_FORCE] = '1'
    try:
        with torch.serialization.safe_globals(_safe_globals()):
            yield
    except pickle.UnpicklingError as error:
        raise UnsafeCheckpointError(_refusal('A checkpoint', _what_runs(error) or str(error))) from error
    finally:
        if before is None:
            os.environ.pop(_FORCE, None)
        else:
            os.environ[_FORCE] = before


def _refusal(what: str, reason: str) -> str:
    return (
        f'{what} holds more than weights and would run code when it is loaded: {reason}. Load it only if you trust '
        f'where it comes from: --trust-checkpoints, or {TRUST_VARIABLE}=1 in the environment.'
    )


def _what_runs(error: Exception) -> str | None:
    """The line of PyTorch's error that names a function; None where the file is broken and nothing else."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(
        (line for line in lines if re.search('Unsupported (global|class)|GLOBAL|getattr|Trying to', line)), None
    )


def _read(path: str | Path, **kwargs: Any) -> Any:
    try:
        with torch.serialization.safe_globals(_safe_globals()):
            return torch.load(path, map_location='cpu', weights_only=True, **kwargs)
    except pickle.UnpicklingError as error:
        reason = _what_runs(error)
        if reason is None:
            raise RuntimeError('it is no file of PyTorch') from error
        raise UnsafeCheckpointError(_refusal(f'The checkpoint {path}', reason)) from error


def check_checkpoint(path: str | Path) -> None:
    """See that a local file holds data and nothing that runs; its weights are mapped and not read.

    Raises:
        UnsafeCheckpointError: If there is more; names file and reason.
    """
    if trusted():
        return
    with contextlib.suppress(RuntimeError, EOFError, OSError):  # no checkpoint at all: whoever loads it says so
        _read(path, mmap=zipfile.is_zipfile(path))


def load_checkpoint_file(path: str | Path) -> dict:
    """A checkpoint as MMEngine wrote it, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        UnsafeCheckpointError: If it would run code.
        ValueError: If it is no checkpoint.
    """
    if '://' not in str(path) and not Path(path).is_file():
        raise FileNotFoundError(f'Expected a checkpoint in {path}, but there is no such file.')
    try:
        if '://' in str(path) or trusted():
            with weights_only():
                checkpoint = CheckpointLoader.load_checkpoint(str(path), map_location='cpu', logger='silent')
        else:
            checkpoint = _read(path)
    except (UnsafeCheckpointError, ImportError):
        raise
    except Exception as error:  # torch raises a dozen kinds for a broken file
        raise ValueError(f'Expected a checkpoint in {path}, but it cannot be read: {error}') from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'Expected a checkpoint with a state_dict in {path}, but got {type(checkpoint).__name__}.')
    return checkpoint


def load_weights(model: nn.Module, source: str | Path, needed_by: str, allow_unused: bool = False) -> None:
    """Load all weights of a network, or raise.

    Args:
        model: The network.
        source: A checkpoint: a local file or an address.
        needed_by: Whose weights these are, for errors.
        allow_unused: Whether the checkpoint may have weights that the network has not.

    Raises:
        FileNotFoundError: If there is no such file.
        UnsafeCheckpointError: If it would run code.
        ValueError: If it is no checkpoint, or a weight is missing, has another shape, or has no place.
    """
    content = load_checkpoint_file(source)
    state = content.get('state_dict', content)
    if allow_unused:
        known = model.state_dict().keys()
        state = {key: value for key, value in state.items() if key in known}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f'Expected the weights of {needed_by} in {source}, but they do not fit: {error}') from error


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
            raise ValueError(f'line {statement.lineno} is no assignment of a plain value')
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


def model_config(checkpoint: dict, path: str | Path, config: Config | None = None) -> Config:
    """The config whose model the weights belong to: the one given, or the one that the checkpoint carries.

    The one inside is read and not run, and may name registered classes only.

    Raises:
        ValueError: If there is neither.
        UnsafeCheckpointError: If the one inside would run code.
    """
    if config is not None and config.get('model') is not None:
        return config
    text = checkpoint.get('meta', {}).get('cfg')
    if not text:
        raise ValueError(f'Expected the training config inside {path}, but it carries none: give it by --model-config.')
    if trusted():
        return Config.fromstring(text, '.py')
    try:
        parsed = parse_config(text)
    except (ValueError, SyntaxError, TypeError, RecursionError) as error:
        raise UnsafeCheckpointError(_refusal(f'The config inside the checkpoint {path}', str(error))) from error
    foreign = sorted(set(_foreign_types(parsed.to_dict().get('model'))))
    if foreign:
        raise UnsafeCheckpointError(
            _refusal(f'The config inside the checkpoint {path}', f'it names {", ".join(foreign)}')
        )
    return parsed
