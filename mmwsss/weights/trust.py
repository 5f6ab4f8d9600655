"""Whether checkpoints may run code."""

from __future__ import annotations

import os

TRUST_VARIABLE = 'MMWSSS_TRUST_CHECKPOINTS'
"""Environment variable that lets checkpoints run code; ``--trust-checkpoints`` sets it."""


def trusted() -> bool:
    """Whether the user said that checkpoints may run code."""
    return os.environ.get(TRUST_VARIABLE, '').lower() in ('1', 'y', 'yes', 'true')
