"""Run lengths of binary masks, checked before anything is made of them.

Codes come from files of other people. pycocotools reads a code that is too short as whatever the memory held before,
and an empty one writes where it must not; so the lengths are read here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmwsss.utils.errors import InputError

_ZERO, _MORE, _SIGN, _BITS = 48, 0x20, 0x10, 5


def from_counts(counts: Sequence[int], number: int) -> np.ndarray:
    """A binary sequence from the lengths of its alternating runs, the first one of zeros.

    Args:
        counts: Lengths, not negative.
        number: How long the sequence is.

    Returns:
        np.ndarray: bool (number,).

    Raises:
        ValueError: If they are no integers, or do not add up to it.
    """
    if not all(isinstance(count, (int, np.integer)) and 0 <= count <= number for count in counts):
        raise InputError(f'Expected run lengths in [0, {number}], but got {str(list(counts))[:60]}.')
    lengths = np.asarray(counts, np.int64)
    if lengths.sum() != number:
        raise InputError(f'Expected run lengths that add up to {number}, but got {int(lengths.sum())}.')
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)


def counts_of_text(text: str) -> list[int]:
    """The run lengths in COCO's compressed text.

    Each character has 5 bits of a number, the lowest first, and a bit that says whether more follow; the last bit of a
    number is its sign. From the fourth number on, the difference to the one before the last is written. Source:
    https://cocodataset.org/#format-data and the mask functions of its API.

    Raises:
        ValueError: If a character is none of the code, or the last number is not complete.
    """
    counts: list[int] = []
    value, shift = 0, 0
    for character in text:
        code = ord(character) - _ZERO
        if not 0 <= code < 2 * _MORE:
            raise InputError(f'Expected compressed run lengths, but got the character {character!r}.')
        value |= (code & (_MORE - 1)) << shift
        shift += _BITS
        if code & _MORE:
            continue
        if code & _SIGN:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value, shift = 0, 0
    if shift:
        raise InputError('Expected compressed run lengths, but the text ends within a number.')
    return counts


def decode_run_lengths(code: Mapping[str, Any], height: int, width: int) -> np.ndarray:
    """COCO's run lengths, plain or compressed, as a mask bool (H, W).

    Args:
        code: ``size`` (H, W) and ``counts``.
        height: H.
        width: W.

    Raises:
        ValueError: If the code is of another size, or broken.
    """
    if not {'size', 'counts'} <= code.keys():
        raise InputError(f'Expected run lengths with size and counts, but got {str(dict(code))[:60]!r}.')
    size, counts = code['size'], code['counts']
    if not isinstance(size, (list, tuple)) or list(size) != [height, width]:
        raise InputError(f'Expected run lengths of the size {[height, width]}, but got {size!r}.')
    if isinstance(counts, (str, bytes)):
        counts = counts_of_text(counts if isinstance(counts, str) else counts.decode('latin-1'))
    elif not isinstance(counts, (list, tuple)):
        raise InputError(f'Expected counts as a list or a text, but got {str(counts)[:60]!r}.')
    return from_counts(counts, height * width).reshape((height, width), order='F')
