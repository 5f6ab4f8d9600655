"""Label states of RISE and IJmond: who said what of a clip, as a class and votes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmwsss.utils.errors import InputError

POSITIVE, NEGATIVE = 'smoke', 'no_smoke'
AGREEMENTS = ('agreed', 'majority', 'any')
"""Which clips have a label: those that a researcher or two citizens agree on, also those that two of three citizens
agree on, or also those that one citizen saw, or two who differ."""

STATES: dict[int, tuple[str, tuple[int, int] | None, str]] = {
    47: (POSITIVE, None, 'agreed'),
    32: (NEGATIVE, None, 'agreed'),
    23: (POSITIVE, (2, 0), 'agreed'),
    16: (NEGATIVE, (2, 0), 'agreed'),
    19: (POSITIVE, (2, 1), 'majority'),
    20: (NEGATIVE, (2, 1), 'majority'),
    5: (POSITIVE, (1, 0), 'any'),
    4: (NEGATIVE, (1, 0), 'any'),
    3: (POSITIVE, (1, 1), 'any'),
}
"""By state the class, votes for and against it (None: a researcher's own, which nobody doubts), and the agreement.

A clip of discord, which waits for a third citizen, counts as one with smoke, of which its votes say that it is as
probable as not. Other states (nothing yet, discarded) say nothing. Source: the documentation of the RISE data set and
of its labelling tool."""


_OF_RESEARCHERS = {23: 47, 16: 32}
"""What two citizens agree on is as sure as can be where a researcher says it."""
DISCARDED = -2
"""A clip that is bad, whatever others said of it."""


def state_of(entry: Mapping[str, Any], where: str) -> int | None:
    """The state that counts: that of the researchers where they decided or discarded, else that of the citizens.

    Args:
        entry: Of a clip, with ``label_state``, and ``label_state_admin`` where researchers looked.
        where: File and entry, for a message.

    Returns:
        int | None: a key of :data:`STATES`; None where nobody decided.

    Raises:
        ValueError: If a state is no number.
    """
    for key in ('label_state_admin', 'label_state'):
        if entry.get(key) is None and key == 'label_state_admin':
            continue
        try:
            state = int(entry[key])
        except (TypeError, ValueError) as error:
            raise InputError(f'Expected a number as {key} in {where}, but got {entry[key]!r}.') from error
        if state in STATES:
            return _OF_RESEARCHERS.get(state, state) if key == 'label_state_admin' else state
        if state == DISCARDED:
            return None
    return None


def label_of_state(state: int | None, agreement: str = 'majority') -> tuple[str | None, tuple[int, int] | None]:
    """Class and votes of a state.

    Args:
        state: Of :func:`state_of`.
        agreement: One of :data:`AGREEMENTS`.

    Returns:
        tuple: (None, None) where fewer agree.

    Raises:
        ValueError: If the agreement is none of those.

    >>> label_of_state(19, 'agreed'), label_of_state(19)
    ((None, None), ('smoke', (2, 1)))
    """
    if agreement not in AGREEMENTS:
        raise InputError(f'Expected votes {", ".join(map(repr, AGREEMENTS))}, but got {agreement!r}.')
    if state is None:
        return None, None
    label, votes, needed = STATES[state]
    if AGREEMENTS.index(needed) > AGREEMENTS.index(agreement):
        return None, None
    return label, votes
