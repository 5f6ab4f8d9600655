"""The file that says what of each camera's view is left out."""

import numpy as np
import pytest
from PIL import Image

from mmwsss.datasets.cameras import CameraMasks


def write(tmp_path, text):
    (tmp_path / 'cameras.yaml').write_text(text, encoding='utf-8')
    return CameraMasks(tmp_path / 'cameras.yaml')


def test_a_mask_and_polygons(tmp_path):
    mask = np.zeros((20, 40), np.uint8)
    mask[:5] = 255
    Image.fromarray(mask).save(tmp_path / 'north.png')
    left = 'left: [[0, 0], [0.25, 0], [0.25, 1], [0, 1]]'
    right = '[[20, 0], [40, 0], [40, 20], [20, 20]]'
    north = f'north:\n  mask: north.png\n  polygons:\n    {left}\n'
    cameras = write(tmp_path, f'{north}süd/2:\n  size: [40, 20]\n  polygons:\n  - {right}\n')
    assert cameras.cameras == {'north', 'süd/2'}
    north = cameras.ignored('north', (40, 80))
    assert north[:10].all() and north[:, :19].all() and not north[11:, 22:].any()
    south = cameras.ignored('süd/2', (20, 40))
    assert south[:, 21:].all() and not south[:, :19].any()
    assert cameras.ignored('west', (20, 40)) is None
    with pytest.raises(ValueError, match="of the frames, 40 x 40, for the camera 'north' .* but got 40 x 20"):
        cameras.ignored('north', (40, 40))


def test_the_fingerprint_is_that_of_the_content(tmp_path):
    text = 'a:\n  polygons: [[[0, 0], [1, 0], [1, 1]]]\n'
    first = write(tmp_path, text).fingerprint
    assert write(tmp_path, '# a comment\n' + text).fingerprint == first
    assert write(tmp_path, text.replace('a:', 'b:')).fingerprint != first
    assert write(tmp_path, text.replace('[1, 1]', '[1, 0.9]')).fingerprint != first


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a: [', 'Expected YAML in .*cameras.yaml, but '),
        ('- a', 'Expected cameras by name in .* but got list'),
        ('a: 3', "Expected mask, polygons, size for the camera 'a' of .* but got 3"),
        ('a: {polygon: []}', r"for the camera 'a' .* but got \['polygon'\]"),
        ('a: {}', "Expected a mask or polygons for the camera 'a'"),
        ('a: {mask: x.png, size: [2, 2]}', 'Expected the mask .*x.png of the camera'),
        ('a: {mask: cameras.yaml}', 'Expected a picture as the mask of the camera'),
        ('a: {polygons: {roof: [[0, 0], [1, 1]]}}', "three corners .* for the polygon 'roof' of the camera 'a'"),
        ('a: {polygons: [[[0, 0], [1, b], [1, 1]]]}', 'at least three corners'),
        ('a: {polygons: [[[0, 0], [200, 0], [1, 1]]]}', r'shares in \[0, 1\] \(or pixels, .* but got \[200.0, 0.0\]'),
        ('a: {size: [9, 9], polygons: [[[0, 0], [10, 0], [1, 1]]]}', r'pixels inside size .* but got \[10.0, 0.0\]'),
        ('a: {size: 9, polygons: [[[0, 0], [1, 0], [1, 1]]]}', r'Expected size: \[width, height\] .* but got 9'),
        ('a: {polygons: roof}', "Expected polygons by name, or a list of them, .* but got 'roof'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        write(tmp_path, text)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='Expected a file of cameras in .*gone.yaml'):
        CameraMasks(tmp_path / 'gone.yaml')
