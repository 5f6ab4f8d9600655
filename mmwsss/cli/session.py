"""What every tool runs inside: a user's error ends it with one line, and the hosts' start-up noise is left out."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator

from mmwsss.cli.arguments import TRACEBACK_VARIABLE
from mmwsss.cli.host_noise import quiet_hosts
from mmwsss.utils.errors import UserError

_FROM_WORKER = re.compile(r'Caught \w+ in .*\nOriginal Traceback')


@contextlib.contextmanager
def tool_session() -> Iterator[None]:
    """Run a tool: a :class:`~mmwsss.utils.errors.UserError` is printed and ends it with exit code 2.

    Every other error keeps its traceback: it is one of ours or of a host's.
    """
    quiet_hosts()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # in a log, lines come in the order of those on standard error; a terminal that lacks a letter gets its number
        sys.stdout.reconfigure(line_buffering=True, errors='backslashreplace')
    try:
        yield
    except UserError as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        print(f'error: {message_of(error)}', file=sys.stderr)
        sys.exit(2)


def message_of(error: UserError) -> str:
    """The message, without the traceback that PyTorch puts around one from a process that loads data."""
    text = str(error)
    if not _FROM_WORKER.match(text):
        return text
    last = text.rstrip().splitlines()[-1]
    return last.split(': ', 1)[-1]
