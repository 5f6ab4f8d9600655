"""The run-length code of Label Studio's brush.

A stream of bits, the most significant first: 32 bits with the number of values (height x width x 4, row by row, RGBA),
5 bits with the size of a value less 1, four times 4 bits with the sizes of a length less 1, then blocks. A block is one
bit (whether it is a run), two bits (which of the four sizes), the length less 1, and one value for a run or that many
values. Source: the decoder in Label Studio's own SDK, ``label_studio_sdk.converter.brush.decode_rle``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmwsss.exports.runs import runs_of
from mmwsss.utils.errors import InputError

_LENGTH_BITS = (3, 4, 8, 16)
_VALUE_BITS = 8
_HEADER_BITS = 32 + 5 + 4 * len(_LENGTH_BITS)
_PAINTED = 255
_PAINTED_FROM = 128  # strokes painted in a browser have soft rims; from half opacity on a pixel counts


def encode_brush(mask: np.ndarray) -> list[int]:
    """A mask as Label Studio stores brush strokes.

    Args:
        mask: bool (H, W), with at least one pixel.

    Returns:
        list[int]: bytes, 0 to 255.
    """
    values, lengths = runs_of(np.asarray(mask, bool).ravel())
    bits = [f'{mask.size * 4:032b}', f'{_VALUE_BITS - 1:05b}', *(f'{size - 1:04b}' for size in _LENGTH_BITS)]
    for value, length in zip(values.tolist(), (lengths * 4).tolist()):
        for part in _parts(length):
            index = next(i for i, size in enumerate(_LENGTH_BITS) if part <= 1 << size)
            bits.append(f'1{index:02b}{part - 1:0{_LENGTH_BITS[index]}b}{_PAINTED if value else 0:08b}')
    text = ''.join(bits)
    text += '0' * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, 'big'))


def _parts(length: int) -> list[int]:
    longest = 1 << _LENGTH_BITS[-1]
    whole, rest = divmod(length, longest)
    return [longest] * whole + [rest] * bool(rest)


def decode_brush(code: Sequence[int], size: tuple[int, int]) -> np.ndarray:
    """The pixels that a brush painted with at least half opacity.

    Args:
        code: Bytes, 0 to 255.
        size: Height and width.

    Returns:
        np.ndarray: bool (H, W).

    Raises:
        ValueError: If the code is broken or of another size.
    """
    height, width = size
    text = ''.join(f'{byte:08b}' for byte in bytes(code))
    number = int(text[:32] or '0', 2)
    if number != height * width * 4 or len(text) < _HEADER_BITS:
        raise InputError(f'Expected a brush code of {height * width * 4} values (H x W x 4), but got {number}.')
    value_bits = int(text[32:37], 2) + 1
    length_bits = [int(text[37 + 4 * index : 41 + 4 * index], 2) + 1 for index in range(4)]
    out = np.zeros(number, np.uint8)
    place, done = _HEADER_BITS, 0
    try:
        while done < number:
            is_run = text[place] == '1'
            bits = length_bits[int(text[place + 1 : place + 3], 2)]
            place += 3
            length = int(text[place : place + bits], 2) + 1
            place += bits
            count = 1 if is_run else length
            values = [int(text[place + i * value_bits : place + (i + 1) * value_bits], 2) for i in range(count)]
            place += count * value_bits
            out[done : done + length] = values[0] if is_run else values
            done += length
    except (IndexError, ValueError) as error:
        raise InputError(f'Expected a brush code of {number} values, but it ends after {done}.') from error
    return out.reshape(height, width, 4)[..., 3] >= _PAINTED_FROM
