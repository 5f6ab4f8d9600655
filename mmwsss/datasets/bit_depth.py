"""Pictures of more than 8 bits a channel, brought to 8.

A camera of 12 bits stores values up to 4095 in files of 16 bits. Divided by 65535 such a picture is nearly black. The
white point is taken, in this order, from

* what the file says of itself: TIFF's MaxSampleValue, a TIFF of fewer than 16 bits a sample, PNG's sBIT (as long as no
  value is above it);
* the smallest of 8, 10, 12, 14 and 16 bits that holds the largest value;
* the largest value itself, for 32 bits and floating point (1.0 where no value is above it).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

_DEPTHS = (8, 10, 12, 14, 16)
_BITS_PER_SAMPLE, _MAX_SAMPLE_VALUE = 258, 281
_DARK = 64
"""16 bits of which the upper 8 stay below this use 14 bits at most."""


def stretch(values: np.ndarray, tagged: int | None = None) -> tuple[np.ndarray, bool]:
    """Scale to 8 bits; negative values and those that are no number are black.

    Args:
        values: integer or float, any shape.
        tagged: White point that the file names; see :func:`tagged_top`.

    Returns:
        uint8 of the same shape in [0, 255], and whether another white point than the file type's own was used.
    """
    usual = 1.0 if values.dtype.kind == 'f' else 65535.0
    clean = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0).clip(0)
    highest = float(clean.max(initial=0))
    top = white_point(highest, tagged) if usual > 1 else max(highest, usual)
    return (clean * (255.0 / top)).clip(0, 255).round().astype(np.uint8), top < usual and highest > 0


def white_point(highest: float, tagged: int | None = None) -> float:
    """The value that becomes white, for integers of 16 bits or more."""
    if tagged is not None and tagged >= highest:
        return float(tagged)
    return next((float(2**bits - 1) for bits in _DEPTHS if highest <= 2**bits - 1), highest)


def tagged_top(image: Image.Image, path: str | Path) -> int | None:
    """The white point that the file names, None where it names none."""
    tags = getattr(image, 'tag_v2', None)
    if tags is not None:
        for tag in (_MAX_SAMPLE_VALUE, _BITS_PER_SAMPLE):
            try:
                value = tags.get(tag)
                value = value[0] if isinstance(value, tuple) else value
                top = int(value) if tag == _MAX_SAMPLE_VALUE else 2 ** int(value) - 1
            except Exception:  # a tag that is not there, or says nonsense
                continue
            if top > 0 and (tag == _MAX_SAMPLE_VALUE or top < 65535):
                return top
        return None
    return _significant_bits(path) if image.format == 'PNG' else None


def _significant_bits(path: str | Path) -> int | None:
    """White point of a PNG's sBIT chunk, which stands before the pixels."""
    with open(path, 'rb') as handle:
        handle.seek(8)
        while len(head := handle.read(8)) == 8 and head[4:] not in (b'IDAT', b'IEND'):
            body = handle.read(int.from_bytes(head[:4], 'big') + 4)[:-4]
            if head[4:] == b'sBIT' and body and 0 < body[0] <= 16:
                return 2 ** body[0] - 1
    return None


def is_dark_by_depth(image: Image.Image) -> bool:
    """Whether a picture of 16 bits a channel, of which Pillow keeps the upper 8, may use fewer than 16."""
    colours = np.asarray(image)[..., : 1 if image.mode == 'LA' else 3]
    return int(colours.max(initial=0)) < _DARK


def read_wide_colours(path: str | Path) -> np.ndarray | None:
    """Colours of a picture of 16 bits a channel as uint16 RGB (H, W, 3), without its rotation; None if not possible."""
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    img = cv2.imdecode(np.fromfile(path, np.uint8), flags)
    if img is None or img.dtype != np.uint16 or img.ndim != 3 or img.shape[2] < 3:
        return None
    return np.ascontiguousarray(img[..., 2::-1])
