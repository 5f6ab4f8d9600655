"""Images without labels: folders and lists."""

import os

import numpy as np
import pytest
from helpers_of_images import save_picture

from mmwsss.datasets import ImageListDataset
from mmwsss.datasets.folder_scan import scan_folder


def names(dataset):
    return [os.path.relpath(dataset.get_data_info(index)['img_path'], dataset.root) for index in range(len(dataset))]


def test_folder(tmp_path):
    for name in ('b.jpg', 'a/z.PNG', 'a/b/c.webp', 'a/y.jpg', 'c d\n.jpg', 'notes.txt', 'ä.jpg'):
        save_picture(tmp_path / name)
    (tmp_path / 'link').symlink_to(tmp_path)  # no endless walk
    dataset = ImageListDataset(tmp_path, ['smoke'])
    assert names(dataset) == ['a/b/c.webp', 'a/y.jpg', 'a/z.PNG', 'b.jpg', 'c d\n.jpg', 'ä.jpg']
    item = dataset[0]
    assert (
        item['gt_label'].shape == (0,) and item['gt_score'].tolist() == [0.0] and item['gt_score'].dtype == np.float32
    )
    assert dataset.metainfo['classes'] == ('smoke',) and dataset.metainfo['image_root'] == str(tmp_path)


def test_a_scan_opens_one_folder_at_a_time(tmp_path, monkeypatch):
    for number in range(5):
        save_picture(tmp_path / f'{number}/x.jpg')
    opened = []
    original = os.scandir
    monkeypatch.setattr(os, 'scandir', lambda path: opened.append(path) or original(path))
    scan = scan_folder(tmp_path)
    assert next(scan) == '0/x.jpg' and len(opened) == 2


def test_text_file(tmp_path):
    (tmp_path / 'list.txt').write_text('a.jpg\n\n  sub/ü b.jpg  \n/abs/c.png\n' + 'x.jpg\n' * 1000 + 'last.jpg')
    dataset = ImageListDataset(tmp_path / 'list.txt', ['smoke', 'fire'], tmp_path / 'images')
    assert len(dataset) == 1004 and dataset.path(1) == str(tmp_path / 'images/sub/ü b.jpg')
    assert dataset.path(2) == '/abs/c.png' and dataset.path(1003).endswith('/last.jpg')
    assert ImageListDataset(tmp_path / 'list.txt', ['smoke']).path(0) == str(tmp_path / 'a.jpg')


def test_errors(tmp_path):
    (tmp_path / 'empty.txt').write_text('\n')
    with pytest.raises(ValueError, match='at least one image'):
        ImageListDataset(tmp_path / 'empty.txt', ['smoke'])
    with pytest.raises(FileNotFoundError, match='Expected a folder of images or a text file'):
        ImageListDataset(tmp_path / 'none', ['smoke'])
    with pytest.raises(ValueError, match='names of the classes'):
        ImageListDataset(tmp_path, [])
