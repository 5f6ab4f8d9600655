"""Files that are either whole or not there, and the checksums that name them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


@contextlib.contextmanager
def atomic_write(path: str | Path, mode: str = 'w') -> Iterator[IO]:
    """Open a temporary neighbour of ``path`` and rename it to ``path`` only when the block ends well.

    Args:
        path: The final file; missing parent folders are made.
        mode: ``'w'`` (UTF-8 text) or ``'wb'``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix='.', suffix='.tmp')
    try:
        encoding, errors = (None, None) if 'b' in mode else ('utf-8', 'backslashreplace')  # names that are no UTF-8
        with os.fdopen(descriptor, mode, encoding=encoding, errors=errors) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes private files; a mask is as public as its folder
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Hold a folder's lock (``.lock`` in it) until the block ends, waiting for another process that has it.

    The system frees it when a process dies.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with open(Path(folder) / '.lock', 'w') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON atomically, indented, UTF-8."""
    with atomic_write(path) as handle:
        json.dump(content, handle, indent=2, ensure_ascii=False)
        handle.write('\n')


def read_json(path: str | Path) -> Any:
    """Read a JSON file; a broken one is named in the error."""
    try:
        return json.loads(Path(path).read_text(encoding='utf-8-sig'))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f'Expected JSON in {path}, but {error}') from error


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits, read in pieces."""
    digest = hashlib.sha256()
    with open(path, 'rb') as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def content_hash(content: Any) -> str:
    """16 hexadecimal digits that name a JSON-like value; tuples count as lists, the order of keys does not matter."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def array_hash(array: Any) -> str:
    """32 hexadecimal digits that name a NumPy array's shape, type and values."""
    digest = hashlib.sha256(f'{array.shape}{array.dtype}'.encode())
    digest.update(array.tobytes())
    return digest.hexdigest()[:32]
