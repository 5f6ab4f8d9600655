"""Checkpoints: read as data, never run as code. No other module of the project reads weights from files."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn as nn
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader

import mmwsss.weights.packages  # noqa: F401  (MMEngine learns its addresses)
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.weights.trust import TRUST_VARIABLE, trusted, trusting

_FORCE = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'  # PyTorch's own switch: it also holds where a host asks for an unsafe load
_CLIP_NUMBERS = ('input_resolution', 'context_length', 'vocab_size')
_DTYPES = ('?', 'b', 'B', 'h', 'H', 'i', 'I', 'l', 'L', 'q', 'Q', 'e', 'f', 'd')


class UnsafeCheckpointError(InputError):
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
def weights_only(trust: bool | None = None) -> Iterator[None]:
    """Every ``torch.load`` inside reads data alone, whoever calls it and whatever it asks for.

    For hosts that insist on loading by themselves; everything else calls :func:`read_checkpoint` and
    :func:`load_weights`, which need no such block. MMEngine falls back to unsafe loading where safe loading fails; not
    inside this block.

    Args:
        trust: Whether code may run all the same, here and in whatever is called inside; see
            :func:`~mmwsss.weights.trust.trusted`.

    Raises:
        UnsafeCheckpointError: If a file would run code.
    """
    with trusting(trust):
        if trusted():
            yield
            return
        before = os.environ.get(_FORCE)
        os.environ[_FORCE] = '1'
        try:
            with torch.serialization.safe_globals(_safe_globals()):
                yield
        except pickle.UnpicklingError as error:
            reason = _what_runs(error)
            if reason is None:  # a broken file
                raise
            raise UnsafeCheckpointError(refusal('A checkpoint', reason)) from error
        finally:
            if before is None:
                os.environ.pop(_FORCE, None)
            else:
                os.environ[_FORCE] = before


def refusal(what: str, reason: str) -> str:
    """The message about something that would run code."""
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


def is_torchscript(path: str | Path) -> bool:
    """Whether a local file is a compiled network, such as OpenAI's CLIP, and not weights alone."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.split('/')[1:2] == ['constants.pkl'] for name in archive.namelist())


def _compiled_state(path: str | Path) -> dict[str, Any]:
    """The weights of a compiled network, without the numbers that OpenAI's CLIP keeps among them."""
    state = torch.jit.load(str(path), map_location='cpu').state_dict()
    return {name: value for name, value in state.items() if name not in _CLIP_NUMBERS}


def _read(path: str | Path, **kwargs: Any) -> Any:
    if is_torchscript(path):
        compiled = 'it is a compiled network (TorchScript), as OpenAI publishes CLIP'
        raise UnsafeCheckpointError(refusal(f'The checkpoint {path}', compiled))
    try:
        with torch.serialization.safe_globals(_safe_globals()):
            return torch.load(path, map_location='cpu', weights_only=True, **kwargs)
    except pickle.UnpicklingError as error:
        reason = _what_runs(error)
        if reason is None:
            raise RuntimeError('it is no file of PyTorch') from error
        raise UnsafeCheckpointError(refusal(f'The checkpoint {path}', reason)) from error


def check_checkpoint(path: str | Path, trust: bool | None = None) -> None:
    """See that a local file holds data and nothing that runs; its weights are mapped and not read.

    Args:
        path: The file.
        trust: See :func:`~mmwsss.weights.trust.trusted`.

    Raises:
        UnsafeCheckpointError: If there is more; names file and reason.
    """
    if trusted(trust):
        return
    with contextlib.suppress(RuntimeError, EOFError, OSError):  # no checkpoint at all: whoever loads it says so
        _read(path, mmap=zipfile.is_zipfile(path))


def read_checkpoint(source: str | Path, trust: bool | None = None) -> dict:
    """What a checkpoint holds, on the CPU.

    Args:
        source: A local file, or an address: ``https://...``, ``package://...``, ``timm://...``, ``torchvision://...``.
        trust: Whether it may run code; see :func:`~mmwsss.weights.trust.trusted`.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If it is part of a package that is not installed, with the install line.
        UnsafeCheckpointError: If it would run code.
        ValueError: If it is no checkpoint.
    """
    if '://' not in str(source) and not Path(source).is_file():
        raise MissingFileError(f'Expected a checkpoint in {source}, but there is no such file.')
    try:
        if '://' not in str(source) and is_torchscript(source) and trusted(trust):
            checkpoint = {'state_dict': _compiled_state(source)}
        elif '://' in str(source) or trusted(trust):
            with weights_only(trust):
                checkpoint = CheckpointLoader.load_checkpoint(str(source), map_location='cpu', logger='silent')
        else:
            checkpoint = _read(source)
    except (UnsafeCheckpointError, ImportError):
        raise
    except Exception as error:  # torch raises a dozen kinds for a broken file
        raise InputError(f'Expected a checkpoint in {source}, but it cannot be read: {error}') from error
    if not isinstance(checkpoint, dict):
        raise InputError(f'Expected a checkpoint with a state_dict in {source}, but got {type(checkpoint).__name__}.')
    return checkpoint


def state_of(checkpoint: dict) -> dict:
    """The weights in a checkpoint: its ``state_dict``, or the whole of it where it is nothing but weights."""
    return checkpoint.get('state_dict', checkpoint)


def unwrapped(state: dict, names: Collection[str]) -> dict:
    """The part of a state dict that a network has, where it was trained inside of another model (``model.head.fc``).

    Args:
        state: State dict.
        names: The network's own names.

    Returns:
        dict: by the network's names; ``state`` itself where it is not inside of anything.

    >>> unwrapped({'model.fc.weight': 1, 'model.fc.bias': 2}, ['fc.weight', 'fc.bias'])
    {'fc.weight': 1, 'fc.bias': 2}
    """
    first = min(names, default='')
    prefixes = sorted((key[: -len(first)] for key in state if first and key.endswith(f'.{first}')), key=len)
    for prefix in prefixes:
        if first not in state and all(prefix + name in state for name in names):
            return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return state


def load_weights(
    model: nn.Module,
    source: str | Path | dict,
    needed_by: str,
    name: str | Path | None = None,
    allow_unused: bool = False,
    trust: bool | None = None,
) -> None:
    """Load all weights of a network, or raise and leave a message that says which do not fit.

    Args:
        model: The network.
        source: A checkpoint (see :func:`read_checkpoint`), or what was read from one.
        needed_by: Whose weights these are, for errors.
        name: Where the weights were read from, for errors, if ``source`` does not say it.
        allow_unused: Whether the checkpoint may have weights that the network has not.
        trust: See :func:`~mmwsss.weights.trust.trusted`.

    Raises:
        FileNotFoundError: If there is no such file.
        UnsafeCheckpointError: If it would run code.
        ValueError: If it is no checkpoint, or a weight is missing, has another shape, or has no place.
    """
    if not isinstance(source, dict):
        name, source = source, read_checkpoint(source, trust)
    state = state_of(source)
    if allow_unused:
        known = model.state_dict().keys()
        state = {key: value for key, value in state.items() if key in known}
    try:
        model.load_state_dict(state)
    except (RuntimeError, AttributeError, TypeError) as error:  # the last two: values that are no tensors
        raise InputError(f'The checkpoint {name} does not fit {needed_by}: {error}') from error
