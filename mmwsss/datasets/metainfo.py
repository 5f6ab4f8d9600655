"""The ignore label and the colours: defined here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmwsss.utils.errors import InputError

IGNORE_LABEL = 255
"""Pixel value that no loss and no figure counts."""

BACKGROUND = 'background'
"""Name of pixel value 0; class ``k`` of a data set has pixel value ``k + 1``."""

_IGNORE_COLOUR = (224, 224, 192)  # the pale border of PASCAL VOC's masks


def segmentation_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """Names by pixel value: background first, then the classes of the image labels."""
    return (BACKGROUND, *classes)


def palette(num_classes: int) -> list[list[int]]:
    """RGB colours by pixel value, background included: PASCAL VOC's bit-shuffled colour map.

    Args:
        num_classes: Number of foreground classes.

    Returns:
        ``num_classes + 1`` colours of three integers in [0, 255].
    """
    if not 0 < num_classes < IGNORE_LABEL:
        raise InputError(f'Expected num_classes in [1, {IGNORE_LABEL - 1}], but got {num_classes}.')
    colours = []
    for value in range(num_classes + 1):
        red = green = blue = 0
        for bit in range(8):
            red |= (value >> 3 * bit & 1) << (7 - bit)
            green |= (value >> (3 * bit + 1) & 1) << (7 - bit)
            blue |= (value >> (3 * bit + 2) & 1) << (7 - bit)
        colours.append([red, green, blue])
    return colours


def png_palette(num_classes: int) -> bytes:
    """The 768 bytes of an indexed PNG's palette: the classes' colours, and a pale one for the ignore label."""
    table = np.zeros((256, 3), np.uint8)
    table[: num_classes + 1] = palette(num_classes)
    table[IGNORE_LABEL] = _IGNORE_COLOUR
    return table.tobytes()
