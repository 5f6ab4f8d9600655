import csv
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmwsss.datasets.converters.smoke5k import CropRule, choose_crops, convert_smoke5k
from mmwsss.datasets.pictures import read_mask

TOOL = Path(__file__).parents[2] / 'tools' / 'dataset_converters' / 'smoke5k.py'
RULE = CropRule(size=32, per_photo=2)


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    for split, number in (('train', 14), ('test', 6)):
        for index in range(number):
            img = rng.integers(0, 256, (240, 320, 3)).astype(np.uint8)
            mask = np.zeros((240, 320), np.uint8)
            y, x = rng.integers(10, 120, 2)
            mask[y : y + 50, x : x + 60] = 255
            for folder, picture, suffix in (('img', img, 'jpg'), ('gt', mask, 'png')):
                path = tmp_path / 'src' / split / folder / f'{split}_{index}.{suffix}'
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(path)
    return tmp_path / 'src'


def rows(out):
    with open(out / 'provenance.csv', newline='') as handle:
        return list(csv.DictReader(handle))


def test_labels_masks_and_splits(source, tmp_path):
    out = tmp_path / 'out'
    counts = convert_smoke5k(source, out, val=0.25, test=0.25, rule=RULE)
    by_photo = defaultdict(set)
    for row in rows(out):
        by_photo[row['photo']].add(row['split'])
        mask = read_mask(out / 'ann_dir' / row['split'] / f'{row["id"]}.png')
        assert mask.shape == (32, 32)
        assert mask.any() == (row['label'] == '1')
    assert all(len(splits) == 1 for splits in by_photo.values())
    assert {s for splits in by_photo.values() for s in splits} == {'train', 'val', 'test'}
    for split, count in counts.items():
        content = json.loads((out / 'annotations' / f'{split}.json').read_text())
        assert content['metainfo']['classes'] == ['no_smoke', 'smoke']
        labels = [entry['gt_label'] for entry in content['data_list']]
        assert (labels.count(1), labels.count(0)) == (count['smoke'], count['no_smoke'])
    again = tmp_path / 'again'
    convert_smoke5k(source, again, val=0.25, test=0.25, rule=RULE)
    assert rows(again) == rows(out)


def test_groups_stay_together(source, tmp_path):
    names = [path.name for path in sorted((source / 'train' / 'img').iterdir())]
    (tmp_path / 'g.csv').write_text(
        'photo,group\n' + ''.join(f'{name},camera{i % 2}\n' for i, name in enumerate(names))
    )
    convert_smoke5k(source, tmp_path / 'out', tmp_path / 'g.csv', val=0.3, test=0.3, rule=RULE)
    splits = defaultdict(set)
    for row in rows(tmp_path / 'out'):
        splits[row['group']].add(row['split'])
    assert len(splits['camera0']) == len(splits['camera1']) == 1


def test_crops_hold_what_their_label_says():
    mask = np.zeros((600, 800), bool)
    mask[100:160, 150:230] = True
    crops = choose_crops(mask, CropRule(), np.random.default_rng(1))
    assert {label for *_, label in crops} == {0, 1}
    for y, x, side, label in crops:
        share = mask[y : y + side, x : x + side].mean()
        assert share >= 0.03 if label else share == 0
        assert y + side <= 600 and x + side <= 800
    assert choose_crops(np.zeros((300, 400), bool), CropRule(), np.random.default_rng(1)) == []


def test_errors(source, tmp_path):
    with pytest.raises(FileNotFoundError, match='Expected the folders img and gt in'):
        convert_smoke5k(tmp_path, tmp_path / 'out')
    with pytest.raises(ValueError, match=r'val \+ test < 1, but got 0.6 and 0.5'):
        convert_smoke5k(source, tmp_path / 'out', val=0.6, test=0.5)
    (tmp_path / 'g.csv').write_text('a,b\n')
    with pytest.raises(ValueError, match=r'columns photo,group in .*g\.csv'):
        convert_smoke5k(source, tmp_path / 'out', tmp_path / 'g.csv')
    (source / 'train' / 'gt' / 'train_3.png').unlink()
    done = subprocess.run(
        [sys.executable, str(TOOL), str(source), str(tmp_path / 'out')], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert 'error: Expected a mask for' in done.stderr and 'Traceback' not in done.stderr
