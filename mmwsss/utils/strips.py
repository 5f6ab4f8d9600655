"""Large arrays in strips of rows, so that what is computed on the way stays small."""

from __future__ import annotations

from collections.abc import Iterator

_VALUES = 1 << 20


def row_strips(height: int, width: int) -> Iterator[slice]:
    """Slices of consecutive rows that cover an array (height, width), about a million values each.

    >>> list(row_strips(5, 1 << 19))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max(_VALUES // max(width, 1), 1)
    for start in range(0, height, rows):
        yield slice(start, min(start + rows, height))
