import numpy as np
import pytest
from PIL import Image

from mmwsss.datasets.metainfo import png_palette
from mmwsss.datasets.pictures import BadPictureError, check_picture, read_mask, read_picture
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
