"""Files that are either whole or not there, and the checksums that name them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from filelock import FileLock

from mmwsss.utils.errors import InputError, MissingFileError, NoAccessError, ResourceError

if TYPE_CHECKING:
    import numpy as np

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def atomic_write(path: str | Path, mode: str = 'w') -> Iterator[IO]:
    """Open a temporary neighbour of ``path`` and rename it to ``path`` only when the block ends well.

    Args:
        path: The final file; missing parent folders are made.
        mode: ``'w'`` (UTF-8 text) or ``'wb'``.

    Raises:
        NoAccessError: If the folder may not be written to.
        ResourceError: If the disk is full.
    """
    path = Path(path)
    temporary = ''
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix='.', suffix='.tmp')
        encoding, errors = (None, None) if 'b' in mode else ('utf-8', 'backslashreplace')  # names that are no UTF-8
        newline = None if 'b' in mode else '\n'  # the same bytes on every system
        with os.fdopen(descriptor, mode, encoding=encoding, errors=errors, newline=newline) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes private files; a mask is as public as its folder
        os.replace(temporary, path)
    except BaseException as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        elif isinstance(error, PermissionError):
            raise NoAccessError(f'Expected a folder that can be written to, but {path.parent}: {error}') from error
        if isinstance(error, OSError) and error.errno in _FULL:
            raise ResourceError(f'Expected space for {path}, but {error.strerror}.') from error
        raise


def remove_temporary(folder: str | Path) -> None:
    """Remove what killed processes left of files that :func:`atomic_write` was to write, below a folder of any size."""
    with os.scandir(folder) as entries:  # one by one: a list of a million masks would be large
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                remove_temporary(entry.path)
            elif entry.name.startswith('.') and entry.name.endswith('.tmp'):
                os.unlink(entry.path)


@contextlib.contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Hold a folder's lock until the block ends, waiting for another process that has it.

    The lock is the file ``.NAME.lock`` beside the folder, so that the folder itself can be moved. The system frees it
    when a process dies.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f'.{folder.name}.lock')):
        yield


def path_below(path: str | Path, root: str | Path) -> str:
    """A file's path below a folder, with slashes on every system.

    Returns:
        str: begins with ``..`` where the file lies outside; the whole path where it lies on another drive.

    >>> path_below('data/north/a.jpg', 'data'), path_below('a.jpg', 'data')
    ('north/a.jpg', '../a.jpg')
    """
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:  # Windows: there is no way from one drive to another
        return Path(path).as_posix()


def without_nan(content: Any) -> Any:
    """A JSON-like value with None in the place of NaN and infinities, which JSON does not have.

    >>> without_nan({'miou': float('nan'), 'iou': (0.5, float('inf'))})
    {'miou': None, 'iou': [0.5, None]}
    """
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [without_nan(value) for value in content]
    return content


def json_text(content: Any) -> str:
    """Indented JSON, for a file or the terminal; what is not a finite number is null."""
    return json.dumps(without_nan(content), indent=2, ensure_ascii=False, allow_nan=False)


def write_json(path: str | Path, content: Any) -> None:
    """Write :func:`json_text` atomically, UTF-8."""
    with atomic_write(path) as handle:
        handle.write(json_text(content) + '\n')


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        MissingFileError: If there is no such file.
        InputError: If it holds no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding='utf-8-sig'))
    except FileNotFoundError as error:
        raise MissingFileError(f'Expected JSON in {path}, but there is no such file.') from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f'Expected JSON in {path}, but {error}') from error


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits, read in pieces."""
    digest = hashlib.sha256()
    with open(path, 'rb') as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def content_hash(content: Any) -> str:
    """16 hexadecimal digits that name a JSON-like value; tuples count as lists, the order of keys does not matter.

    Keys may be numbers beside text, as in ``mask_values={255: 1, 'other': 'ignore'}``.

    >>> content_hash({'a': 1, 'b': (2, 3)}) == content_hash({'b': [2, 3], 'a': 1})
    True
    """
    text = json.dumps(_with_text_keys(content), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _with_text_keys(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _with_text_keys(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_with_text_keys(value) for value in content]
    return content


def array_hash(array: np.ndarray) -> str:
    """32 hexadecimal digits that name a NumPy array's shape, type and values."""
    digest = hashlib.sha256(f'{array.shape}{array.dtype}'.encode())
    digest.update(array.tobytes())
    return digest.hexdigest()[:32]
