"""One run, one folder: held by one process at a time, and gone on with by the same run only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mmwsss.utils.errors import InputError, NoAccessError, NotAFolderError
from mmwsss.utils.files import read_json, write_json

RUN_FILE = 'run.json'


class RunMismatchError(InputError):
    """An output folder holds the masks of another run."""


@contextlib.contextmanager
def open_output(folder: str | Path, content: Mapping[str, Any], keys: Sequence[str]) -> Iterator[None]:
    """Hold a folder's lock until the block ends; its ``run.json`` is written, or compared where it is there.

    Args:
        folder: Output folder of masks; it is made where it is missing.
        content: What makes the run what it is; kept in ``run.json``.
        keys: Which of it must be the same for a run to go on.

    Raises:
        RunMismatchError: If the folder holds another run's masks, or another process works on it.
        NotADirectoryError: If the folder cannot be one.
        PermissionError: If it cannot be written to.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotAFolderError(f'Expected a folder for the masks, but {folder} is a file.')
    lock = FileLock(folder / '.lock')
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunMismatchError(f'Another process is making masks in {folder}.') from error
    except OSError as error:
        raise NoAccessError(f'Expected a folder that can be written to, but {folder}: {error}') from error
    try:
        _compare(folder, content, keys)
        yield
    finally:
        lock.release()


def _compare(folder: Path, content: Mapping[str, Any], keys: Sequence[str]) -> None:
    run_file = folder / RUN_FILE
    if not run_file.exists():
        write_json(run_file, content)
        return
    there = read_json(run_file)
    differing = [key for key in keys if there.get(key) != content.get(key)]
    if differing:
        named = ', '.join(f'{key} {there.get(key)} (there) and {content.get(key)} (now)' for key in differing)
        raise RunMismatchError(f'The masks in {folder} were made by another run: {named}. Choose another --out folder.')
