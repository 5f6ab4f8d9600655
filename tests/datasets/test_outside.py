"""Pictures outside the image folder: one rule for training, masks and evaluation."""

import os

import pytest
from helpers_of_images import save_picture

from mmwsss.datasets import ImageLabelDataset, ImageListDataset, SegmentationView
from mmwsss.datasets.outside import Outside, outside_reason
from mmwsss.datasets.pictures import BadPictureError
from mmwsss.datasets.transforms import LoadPicture


@pytest.fixture
def root(tmp_path):
    save_picture(tmp_path / 'store/x.jpg')
    save_picture(tmp_path / 'img/a.jpg')
    save_picture(tmp_path / 'img/sub/b.jpg')
    (tmp_path / 'img/out.jpg').symlink_to(tmp_path / 'store/x.jpg')
    (tmp_path / 'img/in.jpg').symlink_to('a.jpg')
    (tmp_path / 'img/linked').symlink_to(tmp_path / 'store')
    return tmp_path


def test_rule(root):
    rule = Outside(root / 'img')
    assert rule.refusal(root / 'img/a.jpg') is None and rule.refusal(root / 'img/in.jpg') is None
    for name in ('out.jpg', 'linked/x.jpg'):
        assert 'is a link to' in rule.refusal(root / 'img' / name)
        assert 'follow_links=True' in outside_reason(root / 'img' / name, root / 'img')
        assert outside_reason(root / 'img' / name, root / 'img', follow_links=True) is None
    for path in (root / 'store/x.jpg', root / 'img/../store/x.jpg', root / 'img2/x.jpg'):
        for follow in (True, False):
            assert 'lies outside the image folder' in outside_reason(path, root / 'img', follow)
    (root / 'alias').symlink_to(root / 'img')
    assert outside_reason(root / 'alias/a.jpg', root / 'alias') is None  # the folder itself may be a link
    assert Outside('/').refusal(root / 'img/out.jpg') is None


def test_training_refuses_first_and_masks_by_the_same_rule(root):
    (root / 'l.csv').write_text(f'path,label\na.jpg,smoke\nout.jpg,smoke\n{root}/store/x.jpg,smoke\n')
    with pytest.raises(ValueError, match='2 of 3 images of .* cannot be read') as caught:
        ImageLabelDataset('l.csv', str(root), 'img')
    assert 'is a link to' in str(caught.value) and 'Give the folder that all images are in' in str(caught.value)
    with pytest.raises(ValueError, match='2 of 3 images'):
        ImageLabelDataset('l.csv', str(root), 'img', check_files=False)
    dataset = ImageLabelDataset('l.csv', str(root), 'img', test_mode=True)
    with pytest.raises(BadPictureError, match='is a link to'):
        LoadPicture()(dataset.get_data_info(1))
    followed = ImageLabelDataset('l.csv', str(root), 'img', test_mode=True, follow_links=True)
    assert LoadPicture()(followed.get_data_info(1))['img'].shape == (8, 8, 3)
    with pytest.raises(BadPictureError, match='lies outside'):
        LoadPicture()(followed.get_data_info(2))


def test_absolute_paths_inside_are_no_matter(root):
    (root / 'l.csv').write_text(f'path,label\n{root}/img/a.jpg,smoke\n{root}/img/sub/b.jpg,\n')
    assert len(ImageLabelDataset('l.csv', str(root), 'img')) == 2
    dataset = ImageLabelDataset(str(root / 'l.csv'))  # no folder is named: the one that holds them all
    assert dataset.metainfo['image_root'] == str(root / 'img')


def test_lists_and_segmentors_have_the_rule(root):
    (root / 'list.txt').write_text('img/a.jpg\nimg/out.jpg\n../x.jpg\n')
    items = [ImageListDataset(root / 'list.txt', 'smoke', root).get_data_info(n) for n in range(3)]
    assert ['refused' in item for item in items] == [False, False, True]
    items = [ImageListDataset(root / 'img', 'smoke').get_data_info(n) for n in range(4)]
    assert [os.path.basename(item['img_path']) for item in items if 'refused' in item] == ['out.jpg']
    (root / 'l.csv').write_text('path,label\nout.jpg,smoke\n')
    source = {
        'type': 'mmwsss.ImageLabelDataset', 'ann_file': 'l.csv', 'data_root': str(root), 'test_mode': True,
        'data_prefix': {'img_path': 'img', 'seg_map_path': 'masks'},
    }  # fmt: skip
    assert 'is a link to' in SegmentationView(source).load_data_list()[0]['refused']
