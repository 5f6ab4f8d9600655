"""Sheets of small pictures: a grid with captions, as one array."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from mmwsss.utils.errors import InputError

_CAPTION = 14  # pixels of a line of text
_GAP = 4


def fit(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture inside a white square, its longer side as long as that.

    Args:
        picture: uint8 RGB (H, W, 3).
        side: Of the square, in pixels.

    Returns:
        np.ndarray: uint8 RGB (side, side, 3).
    """
    height, width = picture.shape[:2]
    factor = side / max(height, width)
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    square = np.full((side, side, 3), 255, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square


def sheet(rows: Sequence[Sequence[tuple[str, np.ndarray | None]]], side: int = 192) -> np.ndarray:
    """Put pictures side by side, a caption above each.

    Args:
        rows: Captions and pictures, uint8 RGB (H, W, 3), of any sizes; None leaves a place empty. Captions that do not
            fit are cut.
        side: Of the square that a picture fills, in pixels.

    Returns:
        np.ndarray: uint8 RGB, white between the pictures.

    Raises:
        ValueError: If there is no picture.
    """
    if not rows or not any(rows):
        raise InputError('Expected at least one picture for a sheet, but got none.')
    columns = max(map(len, rows))
    width, height = columns * (side + _GAP) + _GAP, len(rows) * (side + _CAPTION + _GAP) + _GAP
    page = Image.new('RGB', (width, height), 'white')
    draw = ImageDraw.Draw(page)
    for line, row in enumerate(rows):
        top = _GAP + line * (side + _CAPTION + _GAP)
        for column, (caption, picture) in enumerate(row):
            left = _GAP + column * (side + _GAP)
            text = caption.encode('latin-1', 'replace').decode('latin-1')  # what the built-in font has
            while text and draw.textlength(text) > side:
                text = text[:-1]
            draw.text((left, top), text, fill='black')
            if picture is not None:
                page.paste(Image.fromarray(fit(picture, side)), (left, top + _CAPTION))
    return np.asarray(page)
