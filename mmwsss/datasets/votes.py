"""Votes and doubts about image labels, as probabilities."""

from __future__ import annotations

import math

from mmwsss.utils.errors import InputError

COLUMNS: tuple[tuple[str, ...], ...] = ((), ('votes_for', 'votes_against'), ('probability',))
"""What may follow path and label in the header of a CSV."""


def probability_of(votes_for: float, votes_against: float) -> float:
    r"""How probable it is that a label is right: :math:`(p + \tfrac12) / (p + n + 1)`.

    The mean of a Beta distribution after p votes for and n against, with Jeffreys' prior. A vote more or less moves it
    the less, the more votes there are, and nobody is ever certain.

    Args:
        votes_for: Number p.
        votes_against: Number n.

    Raises:
        ValueError: If a number is negative or none.

    >>> [round(probability_of(*votes), 3) for votes in ((2, 0), (2, 1), (1, 1), (0, 2), (0, 0))]
    [0.833, 0.625, 0.5, 0.167, 0.5]
    """
    for value in (votes_for, votes_against):
        if not (math.isfinite(value) and value >= 0):
            raise InputError(f'Expected votes >= 0, but got {value}.')
    return (votes_for + 0.5) / (votes_for + votes_against + 1)


def read_doubt(cells: list[str], columns: tuple[str, ...], where: str) -> tuple[float, ...]:
    """What a row says of its label's being right, of the cells behind path and label.

    Args:
        cells: One a column; all empty where there are neither votes nor doubts.
        columns: One of :data:`COLUMNS`.
        where: File and line, for a message.

    Returns:
        tuple: votes for and against, or a probability in [0, 1]; empty: nobody doubts it.

    Raises:
        ValueError: If a cell is no number of its range.
    """
    texts = [cell.strip() for cell in cells]
    if not any(texts):
        return ()
    try:
        values = tuple(float(text) for text in texts)
        if len(values) == 2:
            probability_of(*values)
            return values
        if 0 <= values[0] <= 1:
            return values
    except ValueError:
        pass
    expected = 'votes >= 0' if len(columns) == 2 else 'a probability in [0, 1]'
    raise InputError(f'Expected {expected} as {" and ".join(columns)} in {where}, but got {",".join(texts)!r}.')
