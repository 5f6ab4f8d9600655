"""Whether checkpoints may run code."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar

TRUST_VARIABLE = 'MMWSSS_TRUST_CHECKPOINTS'
"""Environment variable that lets checkpoints run code; ``--trust-checkpoints`` sets it."""

_trust: ContextVar[bool | None] = ContextVar('trust', default=None)


def trusted(trust: bool | None = None) -> bool:
    """Whether checkpoints may run code.

    Args:
        trust: The caller's own answer. None: that of the surrounding :func:`trusting`, else the environment variable,
            else no.
    """
    for word in (trust, _trust.get()):
        if word is not None:
            return word
    return os.environ.get(TRUST_VARIABLE, '').lower() in ('1', 'y', 'yes', 'true')


@contextlib.contextmanager
def trusting(trust: bool | None) -> Iterator[None]:
    """Set the answer for everything inside the block that gives none itself, such as networks that a host builds.

    Args:
        trust: True or False; None changes nothing.
    """
    if trust is None:
        yield
        return
    token = _trust.set(trust)
    try:
        yield
    finally:
        _trust.reset(token)
