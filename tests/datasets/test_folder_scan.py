"""What of a folder is an image, and what is left out and why."""

import json
import os

import pytest
from helpers_of_images import save_picture

from mmwsss.datasets import ImageLabelDataset, ImageListDataset
from mmwsss.datasets.folder_scan import CLOSED, HIDDEN, LINKED, ODD, OTHER, OWN, SYSTEM, UNREAD, FolderScan
from mmwsss.structures.output_marker import is_output_folder, mark_output


def test_left_out_and_why(tmp_path):
    for name in (
        'a/x.jpg',
        'a/.hidden.jpg',
        'a/._x.jpg',
        '.ipynb_checkpoints/x.png',
        '@eaDir/x.jpg',
        '__MACOSX/a/x.jpg',
    ):
        save_picture(tmp_path / name)
    for name in ('a/Thumbs.db', 'a/notes.txt', 'a/y.CR2', 'a/z.svg'):
        (tmp_path / name).write_text('x')
    (tmp_path / 'a/folder.jpg').mkdir()
    save_picture(tmp_path / 'a/folder.jpg/inside.png')
    os.mkfifo(tmp_path / 'a/pipe.jpg')
    scan = FolderScan(tmp_path)
    assert list(scan) == ['a/folder.jpg/inside.png', 'a/x.jpg']
    assert scan.left_out == {HIDDEN: 3, SYSTEM: 2, OTHER: 2, UNREAD: 2, ODD: 1}
    assert scan.examples[HIDDEN] == '.ipynb_checkpoints' and scan.examples[ODD] == 'a/pipe.jpg'
    assert scan.suffixes['.cr2'] == 1 and any('1 .cr2, 1 .svg' in line for line in scan.notes())
    assert scan.folders == {'a': 2} and scan.direct == {'a': 1}
    assert list(scan) == ['a/folder.jpg/inside.png', 'a/x.jpg'] and scan.left_out[HIDDEN] == 3  # the second time too


def test_own_output_is_never_an_image(tmp_path):
    save_picture(tmp_path / 'smoke/x.jpg')
    for name in ('work_dirs/mine/pseudo/masks/x.png', 'out/masks/x.png', 'other/teacher/vis/x.png'):
        save_picture(tmp_path / name)
    (tmp_path / 'out/run.json').write_text('{}')
    mark_output(tmp_path / 'work_dirs/mine')
    (tmp_path / 'other/teacher/last_checkpoint').write_text('epoch_1.pth')
    scan = FolderScan(tmp_path)
    assert list(scan) == ['smoke/x.jpg'] and scan.left_out[OWN] == 3
    assert is_output_folder(tmp_path / 'out') and not is_output_folder(tmp_path / 'smoke')
    dataset = ImageLabelDataset(data_root=str(tmp_path), data_prefix='', classes=None)
    assert dataset.metainfo['classes'] == ('smoke',) and len(dataset) == 1
    assert any('output of this package' in note for note in dataset.notes)
    assert any('folders without images are no classes: other, work_dirs' in note for note in dataset.notes)


def test_output_beside_the_images_is_left_out(tmp_path):
    """``--out`` is the image folder itself."""
    for name in ('x.jpg', 'masks/x.png', 'cams/x.png', 'masks_of_mine/y.jpg'):
        save_picture(tmp_path / name)
    (tmp_path / 'run.json').write_text('{}')
    assert list(FolderScan(tmp_path)) == ['masks_of_mine/y.jpg', 'x.jpg']
    assert len(ImageListDataset(tmp_path, 'smoke')) == 2
    with pytest.raises(ValueError, match=r'at least one image in .*masks, but got none\. 1 left out: no pictures'):
        (tmp_path / 'masks/x.png').rename(tmp_path / 'masks/x.txt')
        ImageListDataset(tmp_path / 'masks', 'smoke')


def test_linked_folders(tmp_path):
    save_picture(tmp_path / 'data/smoke/x.jpg')
    save_picture(tmp_path / 'elsewhere/y.jpg')
    (tmp_path / 'data/clear').symlink_to(tmp_path / 'elsewhere')
    (tmp_path / 'data/loop').symlink_to(tmp_path / 'data')
    scan = FolderScan(tmp_path / 'data')
    assert list(scan) == ['smoke/x.jpg'] and scan.left_out == {LINKED: 2}
    assert list(FolderScan(tmp_path / 'data', follow_links=True)) == ['clear/y.jpg', 'smoke/x.jpg']
    dataset = ImageLabelDataset(data_root=str(tmp_path), data_prefix='data')
    assert dataset.metainfo['classes'] == ('smoke',) and any('follow_links=True' in note for note in dataset.notes)
    dataset = ImageLabelDataset(data_root=str(tmp_path), data_prefix='data', follow_links=True)
    assert dataset.metainfo['classes'] == ('clear', 'smoke') and len(dataset) == 2


def test_closed_folder(tmp_path, monkeypatch):
    save_picture(tmp_path / 'a/x.jpg')
    save_picture(tmp_path / 'b/x.jpg')
    original = os.scandir

    def scandir(path):
        if str(path).endswith('/b'):
            raise PermissionError(path)
        return original(path)

    monkeypatch.setattr(os, 'scandir', scandir)
    scan = FolderScan(tmp_path)
    assert list(scan) == ['a/x.jpg'] and scan.left_out == {CLOSED: 1}


def folders(root, *names):
    for name in names:
        save_picture(root / name)
    return ImageLabelDataset(data_root=str(root), data_prefix='')


def test_folders_that_look_like_splits(tmp_path):
    with pytest.raises(ValueError, match=r'test, train look like parts of a data set: give the folder of one part'):
        folders(tmp_path / 'a', 'train/smoke/x.jpg', 'test/smoke/x.jpg')
    with pytest.raises(
        ValueError, match=r'train looks like a part .*, with the classes one level deeper: give .*b/train'
    ):
        folders(tmp_path / 'b', 'train/smoke/x.jpg', 'train/clear/x.jpg')
    with pytest.raises(ValueError, match='Validation, train look like parts'):
        folders(tmp_path / 'c', 'train/x.jpg', 'Validation/x.jpg')
    assert folders(tmp_path / 'd', 'train/x.jpg', 'bus/x.jpg').metainfo['classes'] == ('bus', 'train')
    assert folders(tmp_path / 'e', 'train/x.jpg').metainfo['classes'] == ('train',)  # what stands on rails
    named = ImageLabelDataset(data_root=str(tmp_path / 'c'), data_prefix='', classes=['train', 'validation'])
    assert len(named) == 2


def test_folders_that_are_spelled_alike(tmp_path):
    dataset = folders(tmp_path, 'Smoke/1.jpg', 'smoke/2.jpg', 'smoke/3.jpg', 'No Smoke/4.jpg')
    assert dataset.metainfo['classes'] == ('smoke',)
    assert "'Smoke' read as another spelling of 'smoke'" in dataset.notes
    assert [len(dataset.get_data_info(i)['gt_label']) for i in range(4)] == [0, 1, 1, 1]


def test_empty_folders_are_no_classes(tmp_path):
    (tmp_path / 'nothing').mkdir()
    dataset = folders(tmp_path, 'smoke/x.jpg')
    assert (
        dataset.metainfo['classes'] == ('smoke',) and 'folders without images are no classes: nothing' in dataset.notes
    )
    assert json.dumps(dataset.table.scan.left_out) == '{}'
