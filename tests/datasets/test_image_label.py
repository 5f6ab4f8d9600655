import json

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

from mmwsss.datasets import ImageLabelDataset

PIPELINE = [{'type': 'mmwsss.LoadPicture'}, {'type': 'PackInputs'}]


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', (8, 6), 'grey').save(path)


@pytest.fixture
def folder(tmp_path):
    for name in ('a.jpg', 'sub/b c.jpg', 'sub/ü.jpg', 'd.jpg'):
        picture(tmp_path / 'img' / name)
    return tmp_path


def labels_of(dataset):
    return {item['img_path'].split('img/')[1]: item['gt_label'].tolist() for item in dataset}


def test_json_with_negative_class(folder):
    content = {
        'metainfo': {'classes': ['no_smoke', 'smoke', 'fire']},
        'data_list': [
            {'img_path': 'a.jpg', 'gt_label': 0},
            {'img_path': 'sub/b c.jpg', 'gt_label': 1},
            {'img_path': 'sub/ü.jpg', 'gt_label': [2, 1]},
            {'img_path': 'd.jpg', 'gt_label': []},
        ],
    }
    (folder / 'l.json').write_text(json.dumps(content))
    dataset = ImageLabelDataset('l.json', str(folder), 'img', negative_classes=['no_smoke'])
    assert dataset.metainfo['classes'] == ('smoke', 'fire')
    assert labels_of(dataset) == {'a.jpg': [], 'sub/b c.jpg': [0], 'sub/ü.jpg': [0, 1], 'd.jpg': []}
    assert dataset[2]['gt_score'].tolist() == [1, 1]
    assert dataset.get_cat_ids(0) == []


def test_csv_and_negative_batch_reaches_the_model(folder):
    (folder / 'l.csv').write_text('path,label\na.jpg,\nsub/b c.jpg,smoke;fire\nsub/ü.jpg,smoke\n\nd.jpg,\n')
    dataset = ImageLabelDataset('l.csv', str(folder), 'img', pipeline=PIPELINE)
    assert dataset.metainfo['classes'] == ('fire', 'smoke')
    sample = dataset[0]['data_samples']
    assert sample.gt_label.shape == (0,) and sample.gt_score.tolist() == [0, 0]
    from mmengine.dataset import pseudo_collate
    from mmpretrain.models import ClsDataPreprocessor

    batch = ClsDataPreprocessor()(pseudo_collate([dataset[0], dataset[3]]))
    assert [s.gt_score.tolist() for s in batch['data_samples']] == [[0, 0], [0, 0]]


def test_class_folders(folder):
    for name in ('smoke/x/1.jpg', 'none/2.png'):
        picture(folder / 'by_class' / name)
    (folder / 'by_class' / 'smoke' / 'notes.txt').write_text('not an image')
    dataset = ImageLabelDataset(data_root=str(folder), data_prefix='by_class', negative_classes=['none'])
    assert dataset.metainfo['classes'] == ('smoke',)
    assert sorted(item['gt_label'].tolist() for item in dataset) == [[], [0]]
    picture(folder / 'by_class' / 'stray.jpg')
    with pytest.raises(ValueError, match=r'sub-folder named for its class, but got .*stray\.jpg'):
        ImageLabelDataset(data_root=str(folder), data_prefix='by_class')


def test_masks_never_reach_training(folder):
    (folder / 'l.csv').write_text('path,label\na.jpg,smoke\n')
    prefix = {'img_path': 'img', 'seg_map_path': 'ann', 'context_path': 'context'}
    assert set(ImageLabelDataset('l.csv', str(folder), prefix)[0]) == {'img_path', 'gt_label', 'gt_score', 'sample_idx'}
    item = ImageLabelDataset('l.csv', str(folder), prefix, test_mode=True)[0]
    assert item['seg_map_path'].endswith('ann/a.png') and item['context_path'].endswith('context/a.png')


CASES = {
    'unknown name': ('path,label\na.jpg,smkoe\n', r"line 2, but got 'smkoe'"),
    'no header': ('', r'Expected a header "path,label"'),
    'three cells': ('path,label\na.jpg,x,y\n', r'line 2, but got .a.jpg,x,y'),
    'empty': ('path,label\n', 'Expected at least one'),
    'no positive': ('path,label\na.jpg,\n', 'all 1 are bare'),
}


@pytest.mark.parametrize('case', CASES)
def test_bad_csv(folder, case):
    content, message = CASES[case]
    (folder / 'l.csv').write_text(content)
    with pytest.raises(ValueError, match=message):
        ImageLabelDataset('l.csv', str(folder), 'img', classes=['smoke'])


def test_bad_json_label(folder):
    content = {'metainfo': {'classes': ['smoke']}, 'data_list': [{'img_path': 'a.jpg', 'gt_label': 3}]}
    (folder / 'l.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r'gt_label in \[0, 0\] in .*data_list\[0\] \(a\.jpg\), but got 3'):
        ImageLabelDataset('l.json', str(folder), 'img')
    (folder / 'l.json').write_text('{"data_list": []}')
    with pytest.raises(ValueError, match=r'metainfo.classes.*l\.json'):
        ImageLabelDataset('l.json', str(folder), 'img')
    (folder / 'l.json').write_text('{')
    with pytest.raises(ValueError, match=r'Expected JSON in .*l\.json'):
        ImageLabelDataset('l.json', str(folder), 'img')


def test_missing_label_file(folder):
    with pytest.raises(FileNotFoundError, match=r'there is no .*nope\.json'):
        ImageLabelDataset('nope.json', str(folder), 'img')


def test_training_names_the_first_bad_files(folder):
    rows = ''.join(f'gone{index}.jpg,smoke\n' for index in range(7))
    (folder / 'img' / 'd.jpg').write_bytes(b'nonsense')
    (folder / 'l.csv').write_text('path,label\na.jpg,smoke\nd.jpg,smoke\n' + rows)
    with pytest.raises(ValueError, match='8 of 9 images') as caught:
        ImageLabelDataset('l.csv', str(folder), 'img')
    assert 'd.jpg: it is not an image file' in str(caught.value)
    assert 'gone3.jpg' in str(caught.value) and 'gone6.jpg' not in str(caught.value)
    assert len(ImageLabelDataset('l.csv', str(folder), 'img', test_mode=True)) == 9


def test_real_smoke_set(smoke5k):
    dataset = ImageLabelDataset('annotations/train.json', str(smoke5k), 'img_dir/train', negative_classes=['no_smoke'])
    labels = np.array([item['gt_label'].size for item in dataset])
    assert len(dataset) == 2488 and labels.sum() == 1556
