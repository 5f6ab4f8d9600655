"""Runs of equal values."""

from __future__ import annotations

import numpy as np


def runs_of(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and lengths of the runs of a sequence.

    Args:
        flat: Any type, (n,).

    Returns:
        tuple: values (m,) and int64 lengths (m,), which add up to n.
    """
    if not flat.size:
        return flat, np.zeros(0, np.int64)
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    return flat[starts], np.diff(starts, append=flat.size)


def counts_from_zeros(flat: np.ndarray) -> list[int]:
    """Lengths of the alternating runs of a binary sequence, the first one of zeros (and 0 long where there is none).

    Args:
        flat: bool (n,).
    """
    values, lengths = runs_of(np.asarray(flat, bool))
    return [0] * bool(values.size and values[0]) + lengths.tolist()
