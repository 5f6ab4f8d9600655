"""A few of many, evenly."""

from __future__ import annotations

from collections.abc import Sequence


def spread(indices: Sequence[int], limit: int | None) -> list[int]:
    """At most ``limit`` indices, evenly spread over the list.

    >>> spread(range(10), 4)
    [0, 2, 5, 7]
    """
    if limit is None or len(indices) <= limit:
        return list(indices)
    return [indices[number * len(indices) // limit] for number in range(limit)]
