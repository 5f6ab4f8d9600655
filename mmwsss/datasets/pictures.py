"""Reading pictures: what Pillow can read becomes RGB as it is displayed; other files are errors that name them."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from mmwsss.datasets.bit_depth import is_dark_by_depth, read_wide_colours, stretch, tagged_top
from mmwsss.datasets.masks import read_mask
from mmwsss.datasets.picture_files import SUFFIXES, BadPictureError, exif_orientation, open_picture, reason_of

__all__ = ['SUFFIXES', 'BadPictureError', 'PictureHeader', 'check_picture', 'read_header', 'read_mask', 'read_picture']

_END_OF_FILE = {'JPEG': b'\xff\xd9', 'MPO': b'\xff\xd9', 'PNG': b'IEND\xaeB`\x82'}
_TURNED_BY_EXIF = ('JPEG', 'MPO', 'PNG', 'WEBP')
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WITH_ALPHA = ('RGBA', 'LA', 'PA', 'La', 'RGBa')
_warned_of_stretching = False


def read_picture(path: str | Path) -> np.ndarray:
    """Read a picture as uint8 RGB (H, W, 3) in [0, 255].

    Grey, palette and CMYK pictures are converted, transparent ones are laid on white, EXIF orientation is applied
    whatever else the EXIF block holds; of an animation the first frame counts. Pictures of 16 bits or more are scaled
    to 8; where they use fewer bits than they have (see :mod:`mmwsss.datasets.bit_depth`) a warning says so, once.

    Raises:
        BadPictureError: If the file is missing, empty, truncated or no picture, whatever it makes a decoder raise;
            names it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # what Pillow thinks of odd metadata
            with open_picture(path) as image:
                wide = ';16' in str(getattr(image, 'tile', ''))  # known before the pixels are there only
                image.load()
                turn = _TURNS.get(_orientation(image))
                picture, stretched = _eight_bits(image, wide, path)
                picture = _to_rgb(picture)
                array = np.asarray(picture if turn is None else picture.transpose(turn))
    except BadPictureError:
        raise
    except Exception as error:  # whatever broken bytes lead a decoder to
        raise BadPictureError(f'Cannot read the image {path}: {reason_of(error)}.') from error
    if stretched:
        _say_stretched(path)
    return array


def _orientation(image: Image.Image) -> int:
    """EXIF orientation by its own value, 1 where there is none; other tags do not matter."""
    exif = image.info.get('exif')
    if isinstance(exif, bytes):
        value = exif_orientation(exif)
        if value is not None:
            return value
    try:  # what is no block of its own: XMP, a TIFF's tags
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1


def _eight_bits(image: Image.Image, wide: bool, path: str | Path) -> tuple[Image.Image, bool]:
    """The picture with at most 8 bits a channel, and whether it used fewer bits than it has."""
    if image.mode.startswith(('I', 'F')):
        values, stretched = stretch(np.asarray(image), tagged_top(image, path))
        return Image.fromarray(values), stretched
    if wide and image.mode in ('RGB', 'RGBA', 'LA') and is_dark_by_depth(image):
        colours = read_wide_colours(path)
        if colours is not None and colours.shape[:2] == (image.height, image.width):
            values, stretched = stretch(colours[..., :3], tagged_top(image, path))
            picture = Image.fromarray(values)
            if image.mode in _WITH_ALPHA:
                picture.putalpha(image.getchannel('A'))
            return picture, stretched
    return image, False


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _WITH_ALPHA or 'transparency' in image.info:
        image = image.convert('RGBA')
        canvas = Image.new('RGBA', image.size, 'white')  # what a viewer shows behind a transparent picture
        image = Image.alpha_composite(canvas, image)
    return image if image.mode == 'RGB' else image.convert('RGB')


def _say_stretched(path: str | Path) -> None:
    global _warned_of_stretching
    if not _warned_of_stretching:
        _warned_of_stretching = True
        warnings.warn(
            f'{path} uses fewer bits than it has (as cameras of 12 bits do): it and others like it are stretched.',
            stacklevel=3,
        )


@dataclass(frozen=True)
class PictureHeader:
    """What the header of a picture says.

    Attributes:
        height: H in pixels, as it is shown (after EXIF rotation).
        width: W, likewise.
        mode: Pillow's mode: ``'RGB'``, ``'L'``, ``'I;16'``, ...
        file_size: Bytes.
    """

    height: int
    width: int
    mode: str
    file_size: int


def read_header(path: str | Path) -> PictureHeader:
    """Size and mode of a picture, from its header and its last bytes; it is decoded only in doubt.

    Raises:
        BadPictureError: As :func:`read_picture`, for what header and end of file can tell.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        with open_picture(path) as image:
            (width, height), mode, kind = image.size, image.mode, image.format or ''
            turned = kind in _TURNED_BY_EXIF and 'exif' in image.info and _orientation(image) in (5, 6, 7, 8)
    file_size = os.stat(path).st_size
    if not _is_whole(path, kind, file_size):
        height, width = read_picture(path).shape[:2]
    elif turned:
        height, width = width, height
    return PictureHeader(height, width, mode, file_size)


def _is_whole(path: str | Path, kind: str, file_size: int) -> bool:
    """Whether the end of the file is there; False where that cannot be told without decoding."""
    with open(path, 'rb') as handle:
        if kind in ('WEBP', 'BMP'):
            head = handle.read(8)
            said = int.from_bytes(head[4:8], 'little') + 8 if kind == 'WEBP' else int.from_bytes(head[2:6], 'little')
            return 8 < said <= file_size
        ending = _END_OF_FILE.get(kind)
        if ending is None:
            return False
        handle.seek(-min(64, file_size), os.SEEK_END)
        return ending in handle.read()


def check_picture(path: str | Path) -> str | None:
    """What is wrong with a picture, or None; see :func:`read_header`."""
    try:
        read_header(path)
    except (BadPictureError, OSError) as error:
        return str(error)
    return None
