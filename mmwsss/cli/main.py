"""Errors of a user's making end a tool with one clear line."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator

from mmwsss.weights.trust import TRUST_VARIABLE


def add_trust_flag(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust-checkpoints``."""
    parser.add_argument(
        '--trust-checkpoints',
        action=_Trust,
        nargs=0,
        help='load checkpoints that hold more than weights; they can run any code',
    )


class _Trust(argparse.Action):
    """Sets the environment variable, so that processes of this one trust as well."""

    def __call__(self, *_: object) -> None:
        os.environ[TRUST_VARIABLE] = '1'


@contextlib.contextmanager
def report_errors() -> Iterator[None]:
    """Print a clear error and exit with 2; with ``MMWSSS_TRACEBACK=1`` in the environment show all of it."""
    try:
        yield
    except (ValueError, OSError, KeyError, ImportError) as error:
        if os.environ.get('MMWSSS_TRACEBACK'):
            raise
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f'error: {message}', file=sys.stderr)
        sys.exit(2)


def main() -> None:
    """The command ``mmwsss TOOL ...``: run a tool of the project from any folder."""
    import runpy
    from pathlib import Path

    import mmwsss

    package = Path(mmwsss.__file__).parent
    folder = next(place for place in (package / '.mim' / 'tools', package.parent / 'tools') if place.is_dir())
    names = sorted(path.stem for path in folder.glob('*.py'))
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        asked_for_help = len(sys.argv) > 1 and sys.argv[1] in ('-h', '--help')
        print(f'usage: mmwsss {{{",".join(names)}}} ...', file=sys.stdout if asked_for_help else sys.stderr)
        sys.exit(0 if asked_for_help else 2)
    tool = folder / f'{sys.argv.pop(1)}.py'
    sys.argv[0] = str(tool)
    runpy.run_path(str(tool), run_name='__main__')
