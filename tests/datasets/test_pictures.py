import io
import os
import struct
import sys
import zlib
from types import ModuleType

import cv2
import numpy as np
import pytest
from helpers_of_exif import jpeg_with, orientation
from PIL import Image, ImageOps, features
from PIL.PngImagePlugin import PngImageFile

from mmwsss.datasets import picture_files, pictures
from mmwsss.datasets.folder_scan import scan_folder
from mmwsss.datasets.metainfo import png_palette
from mmwsss.datasets.pictures import SUFFIXES, BadPictureError, check_picture, read_header, read_mask, read_picture
from mmwsss.datasets.transforms import LoadPicture

RAMP = np.linspace(0, 255, 60).astype(np.uint8).reshape(6, 10)
COLOUR = np.random.default_rng(0).integers(0, 256, (6, 10, 3)).astype(np.uint8)


def save(path, image, **kwargs):
    image.save(path, **kwargs)
    return path


def test_colours_and_order(tmp_path):
    path = save(tmp_path / 'a.png', Image.fromarray(COLOUR))
    assert np.array_equal(read_picture(path), COLOUR)
    assert np.array_equal(LoadPicture()({'img_path': path})['img'], COLOUR[..., ::-1])


def test_loader_keeps_a_generated_picture():
    results = LoadPicture()({'img_path': 'nowhere.png', 'img': COLOUR})
    assert results['img'] is COLOUR
    assert results['ori_shape'] == (6, 10)


def test_grey_is_spread_to_three_channels(tmp_path):
    img = read_picture(save(tmp_path / 'a.png', Image.fromarray(RAMP)))
    assert np.array_equal(img, np.repeat(RAMP[..., None], 3, 2))


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    wide = RAMP.astype(np.uint16) * 257
    img = read_picture(save(tmp_path / 'a.png', Image.fromarray(wide)))
    assert np.array_equal(img[..., 0], RAMP)


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.dstack([COLOUR, np.zeros((6, 10), np.uint8)])
    rgba[:, 5:, 3] = 255
    img = read_picture(save(tmp_path / 'a.png', Image.fromarray(rgba)))
    assert (img[:, :5] == 255).all()
    assert np.array_equal(img[:, 5:], COLOUR[:, 5:])


def test_cmyk(tmp_path):
    red = Image.new('RGB', (16, 16), (250, 10, 10)).convert('CMYK')
    img = read_picture(save(tmp_path / 'a.jpg', red, quality=100))
    assert img[8, 8, 0] > 200 and img[8, 8, 1:].max() < 60


def test_palette(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([10, 20, 30, 200, 100, 50])
    assert read_picture(save(tmp_path / 'a.png', image)).tolist() == [[[10, 20, 30], [200, 100, 50]]]


def test_exif_rotation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned right by 90 degrees to be seen
    path = save(tmp_path / 'a.jpg', Image.fromarray(np.repeat(COLOUR, 8, 1).repeat(8, 0)), exif=exif, quality=100)
    assert read_picture(path).shape == (80, 48, 3)


BAD = {
    'missing.jpg': (None, 'there is no such file'),
    'empty.jpg': (b'', 'the file is empty'),
    'text.jpg': (b'hello, I am no picture', 'it is not an image file'),
}


@pytest.mark.parametrize('name', BAD)
def test_bad_files_are_named(tmp_path, name):
    content, reason = BAD[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadPictureError, match=rf'{name}: {reason}'):
        read_picture(tmp_path / name)
    assert reason in check_picture(tmp_path / name)


@pytest.mark.parametrize('suffix', ['jpg', 'png'])
def test_truncated_file_is_an_error_and_not_half_a_picture(tmp_path, suffix):
    path = save(
        tmp_path / f'a.{suffix}', Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    )
    assert check_picture(path) is None
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(BadPictureError, match=rf'a\.{suffix}'):
        read_picture(path)
    assert f'a.{suffix}' in check_picture(path)


def test_check_accepts_bytes_after_the_end(tmp_path):
    path = save(tmp_path / 'a.jpg', Image.fromarray(COLOUR))
    path.write_bytes(path.read_bytes() + bytes(500))
    assert check_picture(path) is None


def test_mask_reads_indices_not_colours(tmp_path):
    mask = Image.fromarray(np.array([[0, 1], [255, 2]], np.uint8))
    mask.putpalette(png_palette(2))
    assert read_mask(save(tmp_path / 'm.png', mask)).tolist() == [[0, 1], [255, 2]]
    one_bit = Image.fromarray(np.array([[0, 255]], np.uint8)).convert('1')
    assert read_mask(save(tmp_path / 'b.png', one_bit)).tolist() == [[0, 1]]
    with pytest.raises(BadPictureError, match='Expected an indexed or grey mask .* mode RGB'):
        read_mask(save(tmp_path / 'c.png', Image.fromarray(COLOUR)))


HALVES = Image.new('RGB', (40, 20), 'black')
HALVES.paste('white', (0, 0, 20, 20))  # white on the left; turned by 6 it is on the top

ODD_TAGS = {
    'rational -1/0': (0x011A, 10, 1, struct.pack('<ii', -1, 0)),
    'resolution as bytes': (0x011A, 7, 8, b'\xff' * 8),
    'resolution as one byte': (0x011A, 1, 1, b'\x07'),
    'resolution as text': (0x011A, 2, 8, b'72 dpi \0'),
    'resolution as an empty text': (0x011A, 2, 1, b'\0'),
    'width as text': (0x0100, 2, 6, b'forty\0'),
    'maker of nothing': (0x010F, 2, 0, b''),
    'unknown type': (0x9286, 99, 5, b'12345'),
    'a pointer to nowhere': (0x8769, 4, 1, b'\xff\xff\xff\x7f'),
}


@pytest.mark.parametrize('jfif', [True, False])
@pytest.mark.parametrize('name', ODD_TAGS)
def test_orientation_counts_whatever_the_other_tags_are(tmp_path, name, jfif):
    path = tmp_path / 'a.jpg'
    path.write_bytes(jpeg_with(HALVES, [orientation(6), ODD_TAGS[name], (0x0128, 3, 1, b'\x02\0')], jfif))
    assert check_picture(path) is None
    img = read_picture(path)
    assert img.shape == (40, 20, 3) and img[5].mean() > 200 and img[-5].mean() < 50
    assert (read_header(path).height, read_header(path).width) == (40, 20)


@pytest.mark.parametrize('value', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_every_orientation_is_pillows(tmp_path, value):
    path = tmp_path / 'a.jpg'
    path.write_bytes(jpeg_with(HALVES, [orientation(value)]))
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
    assert np.array_equal(read_picture(path), expected)


@pytest.mark.parametrize(
    'error',
    [struct.error('x'), TypeError(), AttributeError('x'), zlib.error('x'), EOFError(), KeyError(1), RuntimeError('x')],
)
def test_whatever_a_decoder_raises_is_that_pictures(tmp_path, monkeypatch, error):
    path = save(tmp_path / 'a.png', Image.fromarray(COLOUR))

    def load(self):
        raise error

    monkeypatch.setattr(PngImageFile, 'load', load)
    with pytest.raises(BadPictureError, match=r'Cannot read the image .*a\.png: .+\.'):
        read_picture(path)


def png_with_sbit(values: np.ndarray, bits: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, 'PNG')
    data = buffer.getvalue()
    chunk = b'sBIT' + bytes([bits])
    return data[:33] + struct.pack('>I', 1) + chunk + struct.pack('>I', zlib.crc32(chunk)) + data[33:]


def test_twelve_bits_in_sixteen(tmp_path, recwarn):
    values = (RAMP.astype(int) * 4095 // 255).astype(np.uint16)
    for kind, more in (('png', {}), ('tif', {}), ('tif', {'tiffinfo': {281: 4095}})):
        img = read_picture(save(tmp_path / f'a.{kind}', Image.fromarray(values), **more))
        assert np.abs(img[..., 0].astype(int) - RAMP).max() <= 1
    half = (values // 2).astype(np.uint16)  # 11 bits at most: what the file says of itself counts
    (tmp_path / 'b.png').write_bytes(png_with_sbit(half, 12))
    assert read_picture(tmp_path / 'b.png').max() in (127, 128)
    assert read_picture(save(tmp_path / 'b.tif', Image.fromarray(half), tiffinfo={281: 4095})).max() in (127, 128)
    (tmp_path / 'c.png').write_bytes(png_with_sbit(values * 16, 12))  # as PNG's own rule has it: at the upper bits
    assert read_picture(tmp_path / 'c.png').max() == 255


def test_stretching_is_said_once(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, '_warned_of_stretching', False)
    paths = [save(tmp_path / f'{n}.png', Image.fromarray(RAMP.astype(np.uint16) * 16)) for n in range(2)]
    with pytest.warns(UserWarning, match=r'0\.png uses fewer bits than it has') as caught:
        for path in paths:
            read_picture(path)
    assert len(caught) == 1


def test_twelve_bits_in_sixteen_in_colour(tmp_path):
    values = (COLOUR.astype(int) * 4095 // 255).astype(np.uint16)
    cv2.imwrite(str(tmp_path / 'a.png'), values[..., ::-1])
    assert np.abs(read_picture(tmp_path / 'a.png').astype(int) - COLOUR).max() <= 1
    cv2.imwrite(str(tmp_path / 'b.png'), COLOUR[..., ::-1].astype(np.uint16) * 257)
    assert np.abs(read_picture(tmp_path / 'b.png').astype(int) - COLOUR).max() <= 1


def test_floating_point(tmp_path):
    values = RAMP.astype(np.float32) / 255
    values[0, 0] = np.nan
    img = read_picture(save(tmp_path / 'a.tif', Image.fromarray(values)))
    expected = RAMP.copy()
    expected[0, 0] = 0
    assert np.array_equal(img[..., 0], expected)


@pytest.mark.parametrize('suffix', ['jfif', 'jpe', 'pgm', 'ppm', 'avif', 'jp2', 'tga', 'bmp', 'gif', 'dib', 'apng'])
def test_more_suffixes(tmp_path, suffix):
    if suffix == 'avif' and not features.check('avif'):
        pytest.skip('Pillow was built without AVIF')
    grey = Image.new('L' if suffix == 'pgm' else 'RGB', (32, 24), 'grey')
    path = save(tmp_path / f'a.{suffix}', grey)
    assert f'.{suffix}' in SUFFIXES and read_picture(path).shape == (24, 32, 3)
    assert check_picture(path) is None
    assert list(scan_folder(tmp_path)) == [f'a.{suffix}']


def test_plug_ins_are_asked_and_broken_ones_passed_over(monkeypatch):
    called = []
    module = ModuleType('pillow_heif')
    module.register_heif_opener = lambda: called.append(1)
    monkeypatch.setitem(sys.modules, 'pillow_heif', module)
    assert {'.heic', '.heif', '.hif'} <= picture_files._readable_suffixes() and called == [1]

    def broken():
        raise OSError('libheif.so.1: cannot open shared object file')

    module.register_heif_opener = broken
    assert not {'.heic', '.heif', '.hif'} & picture_files._readable_suffixes()


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / 'a.jpg')
    with pytest.raises(BadPictureError, match='it is no regular file'):
        read_picture(tmp_path / 'a.jpg')
    with pytest.raises(BadPictureError, match='null byte'):
        read_picture(f'{tmp_path}/a\0.jpg')


def test_refused_pictures_are_not_read(tmp_path):
    path = save(tmp_path / 'a.png', Image.fromarray(COLOUR))
    with pytest.raises(BadPictureError, match='because'):
        LoadPicture()({'img_path': path, 'refused': 'because'})


def test_truncated_webp_and_bmp_are_found(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    for suffix in ('webp', 'bmp'):
        path = save(tmp_path / f'a.{suffix}', noise)
        assert check_picture(path) is None
        path.write_bytes(path.read_bytes()[:-300])
        assert f'a.{suffix}' in check_picture(path)
