"""JPEGs with EXIF blocks of any kind."""

import io
import struct

from PIL import Image

Entry = tuple[int, int, int, bytes]


def exif_block(entries: list[Entry]) -> bytes:
    """An EXIF block of entries (tag, type, count, bytes), little-endian; nothing is checked."""
    start = 8 + 2 + 12 * len(entries) + 4
    body, tail = b'', b''
    for tag, kind, count, data in entries:
        if len(data) <= 4:
            body += struct.pack('<HHI', tag, kind, count) + data.ljust(4, b'\0')
        else:
            body += struct.pack('<HHII', tag, kind, count, start + len(tail))
            tail += data
    head = b'Exif\0\0II*\0' + struct.pack('<I', 8) + struct.pack('<H', len(entries))
    return head + body + struct.pack('<I', 0) + tail


def orientation(value: int) -> Entry:
    return (0x0112, 3, 1, struct.pack('<H', value))


def jpeg_with(image: Image.Image, entries: list[Entry], jfif: bool = True) -> bytes:
    """A JPEG with these entries; without the JFIF segment Pillow looks for the resolution in the EXIF block."""
    buffer = io.BytesIO()
    image.save(buffer, 'JPEG', quality=95)
    data = buffer.getvalue()
    length = struct.unpack('>H', data[4:6])[0]
    exif = exif_block(entries)
    segment = b'\xff\xe1' + struct.pack('>H', len(exif) + 2) + exif
    return data[:2] + (data[2 : 4 + length] if jfif else b'') + segment + data[4 + length :]
