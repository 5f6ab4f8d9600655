"""Masks for evaluation with values of any tool."""

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmwsss.datasets import ImageLabelDataset, SegmentationView
from mmwsss.datasets.masks import parse_mask_values, read_mask, truth_of
from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.datasets.pictures import BadPictureError
from mmwsss.datasets.transforms import LoadPicture, LoadSegMap


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def world(root, mask, size=(8, 6)):
    """One picture of smoke, one of nothing."""
    for folder in ('img', 'ann'):
        (root / folder).mkdir()
    for name in ('a', 'b'):
        Image.new('RGB', size, 'grey').save(root / f'img/{name}.jpg')
    Image.fromarray(mask).save(root / 'ann/a.png')
    Image.fromarray(np.zeros(mask.shape, np.uint8)).save(root / 'ann/b.png')
    (root / 'l.csv').write_text('path,label\na.jpg,smoke\nb.jpg,\n')
    return {
        'type': 'mmwsss.ImageLabelDataset', 'ann_file': 'l.csv', 'data_root': str(root), 'test_mode': True,
        'data_prefix': {'img_path': 'img', 'seg_map_path': 'ann'},
    }  # fmt: skip


def square(value, edge=None):
    mask = np.zeros((6, 8), np.uint8)
    if edge is not None:
        mask[1:5, 1:7] = edge
    mask[2:4, 2:6] = value
    return mask


def build(settings):
    return ImageLabelDataset(**{key: value for key, value in settings.items() if key != 'type'})


BAD = {
    '0 and 255': (
        square(255),
        r'in .*ann, but the first 1 .* have 0, 255 and so show no class.*mask_values=\{255: 1\}',
    ),
    '0 and 128': (square(128), r'mask .*a\.png, but got 0, 128\. .*mask_values=\{128: 1\}'),
    'soft edges': (square(255, 100), r"but got 0, 100, 255\. .*mask_values=\{255: 1, 'other': 'ignore'\}"),
}


@pytest.mark.parametrize('case', BAD)
def test_other_values_are_named_before_any_work(tmp_path, case):
    settings = world(tmp_path, BAD[case][0])
    with pytest.raises(ValueError, match=BAD[case][1]):
        build(settings)
    with pytest.raises(ValueError, match=BAD[case][1]):
        SegmentationView(settings)
    assert len(build({**settings, 'data_prefix': 'img'})) == 2  # without masks it is no matter


@pytest.mark.parametrize(
    'mask, values',
    [
        (square(255), {255: 1}),
        (square(255), {'255': 1}),
        (square(255), [0, 255]),
        (square(128), {128: 1}),
        (square(255, 100), {255: 1, 'other': 'ignore'}),
    ],
)
def test_mask_values(tmp_path, mask, values):
    settings = {**world(tmp_path, mask), 'mask_values': values}
    expected = np.where(mask >= 128, 1, np.where(mask > 0, IGNORE_LABEL, 0))
    assert (truth_of(build(settings).get_data_info(0), (6, 8)) == expected).all()
    item = SegmentationView(settings).load_data_list()[0]
    assert (LoadSegMap()(LoadPicture()(dict(item)))['gt_seg_map'] == expected).all()
    stock = LoadAnnotations(imdecode_backend='pillow')(dict(item, seg_fields=[]))
    assert (stock['gt_seg_map'] == expected).all()


def test_unlisted_values_are_errors(tmp_path):
    settings = {**world(tmp_path, square(255, 100)), 'mask_values': {255: 1}}
    with pytest.raises(
        BadPictureError, match=r'the values \[0, 255\] of mask_values in the mask .*a\.png, but got 0, 100'
    ):
        build(settings)


def test_parse():
    assert parse_mask_values(None, 1) is None
    assert parse_mask_values([0, 10, 20], 2) == {0: 0, 10: 1, 20: 2, 'other': 'error'}
    for bad, text in (
        ({255: 2}, r'mean 0 to 1 or 255 \(ignored\), but got 2'),
        ({'x': 1}, 'Expected integers in mask_values'),
        ({255: 1, 'other': 'nearest'}, "Expected 'error' or 'ignore' for 'other'"),
        ('255', 'as a mapping such as'),
    ):
        with pytest.raises(ValueError, match=text):
            parse_mask_values(bad, 1)


def test_another_size_is_named(tmp_path):
    settings = world(tmp_path, square(1)[:, :4])
    said = r'masks of the size of their images in .*ann, .*a\.png is \(6, 4\), its image \(6, 8\) \(H, W\)'
    with pytest.raises(ValueError, match=said):  # every mask is: said before any work
        build(settings)
    Image.new('RGB', (8, 6)).save(tmp_path / 'img/good.jpg')
    Image.fromarray(square(1)).save(tmp_path / 'ann/good.png')
    (tmp_path / 'l.csv').write_text('path,label\na.jpg,smoke\ngood.jpg,smoke\n')
    item = build(settings).get_data_info(0)
    with pytest.raises(BadPictureError, match=r'Expected a mask of \(6, 8\) \(H, W\) in .*a\.png, but got \(6, 4\)'):
        truth_of(item, (6, 8))
    with pytest.raises(BadPictureError, match='but got'):
        LoadSegMap()(LoadPicture()(item))


def test_other_kinds_of_files(tmp_path):
    grey = square(1)
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / 'rgb.png')
    Image.fromarray(grey.astype(np.uint16)).save(tmp_path / 'wide.png')
    Image.fromarray(np.dstack([grey, grey])).save(tmp_path / 'alpha.png')
    for name in ('rgb', 'wide', 'alpha'):
        assert (read_mask(tmp_path / f'{name}.png') == grey).all()
    Image.fromarray(grey.astype(np.uint16) * 1000).save(tmp_path / 'high.png')
    with pytest.raises(BadPictureError, match=r'values in \[0, 255\] in the mask .*high\.png, but got 0, 1000'):
        read_mask(tmp_path / 'high.png')
    assert (read_mask(tmp_path / 'high.png', parse_mask_values({1000: 1}, 1)) == grey).all()


def test_masks_of_one_pixel_row(tmp_path):
    """The host's loader squeezes them to one dimension."""
    settings = world(tmp_path, np.ones((1, 40), np.uint8), size=(40, 1))
    item = SegmentationView(settings).load_data_list()[0]
    assert LoadSegMap()(LoadPicture()(item))['gt_seg_map'].shape == (1, 40)
    assert item['seg_fields'] == ['gt_seg_map']


def test_two_pictures_that_differ_in_their_suffix_alone(tmp_path):
    settings = world(tmp_path, square(1))
    Image.new('RGB', (8, 6)).save(tmp_path / 'img/a.png')
    Image.fromarray(square(1)).save(tmp_path / 'ann/a.png.png')
    (tmp_path / 'l.csv').write_text('path,label\na.jpg,smoke\na.png,smoke\n')
    masks = [build(settings).get_data_info(n)['seg_map_path'].rsplit('/', 1)[1] for n in range(2)]
    assert masks == ['a.png', 'a.png.png']
