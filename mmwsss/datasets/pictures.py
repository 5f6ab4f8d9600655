"""Reading pictures: every kind that Pillow can read comes out as the eye sees it, anything else is named."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = frozenset({'.bmp', '.gif', '.jpeg', '.jpg', '.jp2', '.png', '.ppm', '.tif', '.tiff', '.webp'})
"""File suffixes that a scan of a folder takes for images."""

_END_OF_FILE = {'JPEG': b'\xff\xd9', 'PNG': b'IEND\xaeB`\x82'}


class BadPictureError(ValueError):
    """A file that cannot be read as a picture; the message names it and says why."""


def _open(path: str | Path) -> Image.Image:
    path = Path(path)
    if not path.exists():
        raise BadPictureError(f'Cannot read the image {path}: there is no such file.')
    try:
        if path.stat().st_size == 0:
            raise BadPictureError(f'Cannot read the image {path}: the file is empty.')
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            return Image.open(path)
    except UnidentifiedImageError as error:
        raise BadPictureError(f'Cannot read the image {path}: it is not an image file.') from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, BadPictureError):
            raise
        raise BadPictureError(f'Cannot read the image {path}: {error}.') from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(('I', 'F')):  # 16 bit or more a pixel: scaled to 8, never clipped
        values = np.asarray(image, np.float64)
        top = 65535.0 if image.mode.startswith('I') else 1.0
        if values.max(initial=0) > top:
            top = float(values.max())
        image = Image.fromarray((values.clip(0) * (255.0 / top)).round().astype(np.uint8))
    if image.mode in ('RGBA', 'LA', 'PA', 'La', 'RGBa') or 'transparency' in image.info:
        image = image.convert('RGBA')
        canvas = Image.new('RGBA', image.size, 'white')  # what a viewer shows behind a transparent picture
        image = Image.alpha_composite(canvas, image)
    return image.convert('RGB')


def read_picture(path: str | Path) -> np.ndarray:
    """Read a picture as uint8 RGB (H, W, 3) in [0, 255].

    Grey, palette, CMYK and 16-bit pictures are converted, transparent ones are laid on white, EXIF rotation is
    applied; of an animation the first frame counts.

    Raises:
        BadPictureError: If the file is missing, empty, truncated or no picture; names it.
    """
    try:
        with _open(path) as image:
            image.load()
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except BadPictureError:
        raise
    except (OSError, SyntaxError, ValueError, MemoryError, Image.DecompressionBombError) as error:
        raise BadPictureError(f'Cannot read the image {path}: {error}.') from error


def read_mask(path: str | Path) -> np.ndarray:
    """Read a label mask as uint8 (H, W): the indices of a palette PNG or the values of a grey one.

    Raises:
        BadPictureError: If the file cannot be read or has colours instead of indices; names it.
    """
    with _open(path) as image:
        if image.mode not in ('1', 'L', 'P'):
            raise BadPictureError(
                f'Expected an indexed or grey mask (one channel of 8 bits) in {path}, but got mode {image.mode}.'
            )
        try:
            return np.asarray(image).astype(np.uint8)
        except (OSError, SyntaxError, ValueError) as error:
            raise BadPictureError(f'Cannot read the mask {path}: {error}.') from error


def check_picture(path: str | Path) -> str | None:
    """What is wrong with a picture, or None; reads its header and its last bytes, and decodes it only in doubt."""
    try:
        with _open(path) as image:
            ending = _END_OF_FILE.get(image.format or '')
        if ending is not None:
            with open(path, 'rb') as handle:
                handle.seek(-min(64, Path(path).stat().st_size), 2)
                if ending in handle.read():
                    return None
        read_picture(path)
    except (BadPictureError, OSError) as error:
        return str(error)
    return None
