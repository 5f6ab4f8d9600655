import json

import numpy as np
import pytest
from PIL import Image

from mmwsss.datasets import PhotoSplitDataset
from mmwsss.datasets.photo_split import split_of

SHARES = {'pixels': 0.3, 'rest': 0.7}


@pytest.fixture
def root(tmp_path):
    """40 photos with three crops each."""
    (tmp_path / 'img').mkdir()
    (tmp_path / 'ann').mkdir()
    rows, entries = ['id,source_photo'], []
    for photo in range(40):
        for crop in range(3):
            name = f'p{photo}_{crop}'
            Image.new('RGB', (8, 8)).save(tmp_path / f'img/{name}.jpg')
            Image.fromarray(np.ones((8, 8), np.uint8)).save(tmp_path / f'ann/{name}.png')
            rows.append(f'{name},photo{photo}.jpg')
            entries.append({'img_path': f'{name}.jpg', 'gt_label': 1})
    (tmp_path / 'photos.csv').write_text('\n'.join(rows))
    content = {'metainfo': {'classes': ['no_smoke', 'smoke']}, 'data_list': entries}
    (tmp_path / 'test.json').write_text(json.dumps(content))
    return tmp_path


def build(root, part, **kwargs):
    settings = {'shares': SHARES, 'group_file': 'photos.csv', 'negative_classes': ['no_smoke'], **kwargs}
    prefix = {'img_path': 'img', 'seg_map_path': 'ann'}
    return PhotoSplitDataset(part, data_root=str(root), ann_file='test.json', data_prefix=prefix, **settings)


def paths(dataset):
    return {dataset.get_data_info(i)['img_path'].rsplit('/', 1)[1] for i in range(len(dataset))}


def test_no_photo_is_in_two_parts(root):
    parts = {part: paths(build(root, part, test_mode=True)) for part in SHARES}
    photos = {part: {name.split('_')[0] for name in names} for part, names in parts.items()}
    assert not photos['pixels'] & photos['rest']
    assert len(parts['pixels']) + len(parts['rest']) == 120
    assert 5 <= len(photos['pixels']) <= 20
    by_crop = paths(build(root, 'pixels', group_file=None, test_mode=True))
    assert {name.split('_')[0] for name in by_crop} & {n.split('_')[0] for n in parts['rest']}  # what must not happen


def test_masks_for_training_only_where_asked(root):
    assert 'seg_map_path' not in build(root, 'pixels').get_data_info(0)
    assert build(root, 'pixels', with_masks=True).get_data_info(0)['seg_map_path'].endswith('.png')
    assert 'seg_map_path' in build(root, 'rest', test_mode=True).get_data_info(0)


def test_split_is_stable_and_follows_the_seed():
    groups = [f'g{i}' for i in range(2000)]
    first = [split_of(g, SHARES) for g in groups]
    assert first == [split_of(g, SHARES) for g in groups]
    assert first != [split_of(g, SHARES, 1) for g in groups]
    assert 0.26 < first.count('pixels') / 2000 < 0.34


def test_errors(root):
    with pytest.raises(ValueError, match="Expected part to be a key of shares that sum to 1, but got 'val'"):
        build(root, 'val')
    with pytest.raises(
        FileNotFoundError, match=r'Expected a CSV of crops and their photos, but there is no .*gone\.csv'
    ):
        build(root, 'rest', group_file='gone.csv')
    with pytest.raises(ValueError, match=r"Expected the columns \('id', 'photo'\) in .*photos\.csv, but \['photo'\]"):
        build(root, 'rest', group_columns=('id', 'photo'))
    (root / 'photos.csv').write_text('id,source_photo\np0_0,x\n')
    with pytest.raises(ValueError, match=r'Expected the photo of .*p0_1\.jpg in photos\.csv'):
        build(root, 'rest')


def test_real_smoke_set(smoke5k):
    settings = {
        'data_root': str(smoke5k),
        'ann_file': 'annotations/test.json',
        'data_prefix': {'img_path': 'img_dir/test', 'seg_map_path': 'ann_dir/test'},
        'negative_classes': ['no_smoke'],
        'group_file': 'provenance/provenance_test.csv',
        'shares': {'train': 0.8, 'val': 0.1, 'test': 0.1},
        'test_mode': True,
    }
    sizes = [len(PhotoSplitDataset(part, **settings)) for part in ('train', 'val', 'test')]
    assert sum(sizes) == 352 and sizes[0] > 230 and min(sizes) > 10
