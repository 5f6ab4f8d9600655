"""Opening picture files: which suffixes are pictures, and what a file is that cannot be opened."""

from __future__ import annotations

import importlib
import io
import os
import stat
import struct
import warnings
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError, features

from mmwsss.utils.errors import InputError

_ALWAYS_READ = (
    '.apng .bmp .dib .gif .j2k .jfif .jp2 .jpe .jpeg .jpg .jpx .mpo .pbm .pcx .pfm .pgm .png .pnm .ppm .qoi .ras .sgi '
    '.tga .tif .tiff .webp'
)
_PLUGINS = (
    ('pillow_heif', 'register_heif_opener', '.heic .heif .hif'),
    ('pillow_avif', None, '.avif'),
    ('pillow_jxl', None, '.jxl'),
)
_OTHER_PICTURES = (
    '.arw .avif .avifs .cr2 .cr3 .dcm .dng .eps .exr .fits .hdr .heic .heif .hif .ico .jxl .jxr .nef .orf .pdf .psd '
    '.raf .raw .rw2 .svg .wmf .xcf'
)


def _readable_suffixes() -> frozenset[str]:
    """What Pillow reads here, with the optional plug-ins that are installed."""
    found = set(_ALWAYS_READ.split())
    if features.check('avif'):
        found.add('.avif')
    for package, register, suffixes in _PLUGINS:
        try:
            module = importlib.import_module(package)
            if register is not None:
                getattr(module, register)()
        except Exception:  # not installed, or of another Pillow, or without the library that it binds
            continue
        found.update(suffixes.split())
    return frozenset(found)


SUFFIXES = _readable_suffixes()
"""File suffixes (lower case) that a scan of a folder takes for images."""

UNREAD_SUFFIXES = frozenset(_OTHER_PICTURES.split()) - SUFFIXES
"""Suffixes of pictures that are not read here; a scan counts and names such files."""


class BadPictureError(InputError):
    """A file that cannot be read as a picture; the message names it and says why."""


def open_picture(path: str | Path) -> Image.Image:
    """Open a picture without decoding it.

    Raises:
        BadPictureError: If the file is missing, empty, no regular file or no picture; names it.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        reason = 'there is no such file' if missing else getattr(error, 'strerror', None) or error
        raise BadPictureError(f'Cannot read the image {path}: {reason}.') from error
    if not stat.S_ISREG(status.st_mode):  # a pipe would wait for ever
        raise BadPictureError(f'Cannot read the image {path}: it is no regular file.')
    if status.st_size == 0:
        raise BadPictureError(f'Cannot read the image {path}: the file is empty.')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            try:
                return Image.open(path)
            except Exception as error:
                image = _open_without_exif(path)
                if image is None:
                    raise error
                return image
    except UnidentifiedImageError as error:
        raise BadPictureError(f'Cannot read the image {path}: it is not an image file.') from error
    except Exception as error:  # plug-ins raise whatever broken bytes lead them to
        raise BadPictureError(f'Cannot read the image {path}: {reason_of(error)}.') from error


def reason_of(error: BaseException) -> str:
    """What an error says, in one line; its type where it says nothing."""
    text = ' '.join(str(error).split())
    return text.rstrip('.') if text and not isinstance(error, KeyError) else f'{type(error).__name__} {text}'.strip()


def _open_without_exif(path: str | Path) -> Image.Image | None:
    """A JPEG whose EXIF block keeps Pillow from opening it, opened without; None where it is no such file."""
    with open(path, 'rb') as handle:
        if handle.read(2) != b'\xff\xd8':
            return None
        kept, exif = [b'\xff\xd8'], b''
        while True:
            head = handle.read(4)
            if len(head) < 4 or head[:1] != b'\xff' or head[1] in (0xDA, 0xD9):  # the scan begins
                kept += [head, handle.read()]
                break
            body = handle.read(int.from_bytes(head[2:], 'big') - 2)
            if head[1] == 0xE1 and body.startswith(b'Exif'):
                exif = body
            else:
                kept += [head, body]
    if not exif:
        return None
    image = Image.open(io.BytesIO(b''.join(kept)))
    image.info['exif'] = exif  # its orientation still counts
    return image


def exif_orientation(block: bytes) -> int | None:
    """The orientation in an EXIF block, None where it has none; entries beside it may be broken in any way."""
    block = block.removeprefix(b'Exif\0\0')
    order = {b'II': '<', b'MM': '>'}.get(block[:2])
    if order is None or len(block) < 8:
        return None
    start = struct.unpack_from(order + 'I', block, 4)[0]
    number = struct.unpack_from(order + 'H', block, start)[0] if start + 2 <= len(block) else 0
    for place in range(start + 2, min(start + 2 + 12 * number, len(block) - 11), 12):
        tag, kind = struct.unpack_from(order + 'HH', block, place)
        if tag == ExifTags.Base.Orientation:
            size = {1: 'B', 3: 'H', 4: 'I'}.get(kind)
            return None if size is None else int(struct.unpack_from(order + size, block, place + 8)[0])
    return None
