"""A look at a whole data set before any training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import toy_variables, write_toy
from helpers_of_images import save_picture
from PIL import Image

import mmwsss
from mmwsss.config.loading import load_config
from mmwsss.datasets.batching import plan_batches
from mmwsss.datasets.checks import check_data, folder_datasets
from mmwsss.datasets.duplicates import same_bytes

ROOT = Path(mmwsss.__file__).parents[1]


def noise(path, seed, size=(24, 32)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / 'mine'
    for number in range(6):
        noise(root / f'{"smoke" if number < 4 else "No smoke"}/{number}.png', number)
    return root


def test_good_folder(folder):
    report = check_data(folder_datasets(folder, negative_classes=['no_smoke']), silent=True)
    train = report.splits['train']
    assert report.ok and not report.problems and not report.notes
    assert (train.images, train.rows, train.classes, train.negatives) == (6, 6, {'smoke': 4}, 2)
    assert train.sizes == {'smallest': (24, 32), 'median': (24, 32), 'largest': (24, 32)} and train.kinds == {'.png': 6}
    assert 'classes: smoke 4; without any class: 2' in str(report) and str(report).endswith('training can start')
    assert json.loads(json.dumps(report.to_dict()))['ok'] is True


def report_of(folder):
    return check_data(folder_datasets(folder), batch_size=32, silent=True)


def test_odd_things_are_notes(folder):
    noise(folder / 'smoke/again.png', 4)  # the bytes of a picture without smoke
    noise(folder / 'smoke/thin.png', 9, (1, 40))
    Image.fromarray(np.arange(4095, dtype=np.uint16).reshape(45, 91)).save(folder / 'smoke/deep.png')
    save_picture(folder / '.cache/x.jpg')
    (folder / 'smoke/x.nef').write_text('raw')
    (folder / 'work').mkdir()
    (folder / 'work/run.json').write_text('{}')
    assert '\'No smoke\' read as "no class"; a name in classes is a class' in str(report_of(folder))
    (folder / 'No smoke').rename(folder / 'Clear')
    report = report_of(folder)
    text = str(report)
    assert report.ok and len(text.splitlines()) < 40
    assert '\'Clear\' looks like "no class" but is one' in text and 'every image shows a class' in text
    assert '1 pictures stand under several names with different labels' in text and 'again.png' in text
    assert '1 pictures have a side below 8 pixels, first' in text and 'thin.png (1 x 40)' in text
    assert '1 pictures have more than 8 bits a channel; of 1 looked at, 1 use fewer bits' in text
    assert 'batches of 9 instead of 32: the training set has 9 images' in text
    assert report.splits['train'].left_out == {
        'hidden': {'count': 1, 'first': '.cache'},
        'output of this package': {'count': 1, 'first': 'work'},
        'pictures of a kind that is not read': {'count': 1, 'first': 'smoke/x.nef'},
    }
    assert report.splits['train'].duplicates == 2


def test_classes_one_level_deeper(tmp_path):
    for number in range(4):
        noise(tmp_path / f'mine/{"smoke" if number % 2 else "clear"}/{number}.png', number)
    assert "all images lie below the one class 'mine', in sub-folders" in str(report_of(tmp_path))
    (tmp_path / 'mine').rename(tmp_path / 'train')
    report = report_of(tmp_path)
    assert not report.ok and 'train looks like a part of a data set' in report.problems[0]


def test_what_stops_training_is_a_problem(folder):
    (folder / 'smoke/0.png').write_bytes((folder / 'smoke/0.png').read_bytes()[:-100])
    (folder / 'smoke/out.png').symlink_to(folder.parent / 'nowhere.png')
    report = check_data(folder_datasets(folder, negative_classes='no smoke'), silent=True)
    assert not report.ok and '2 of 7 images cannot be read' in report.problems[0]
    assert report.splits['train'].unreadable == 2 and str(report).endswith('training would fail')
    for settings, text in (
        (folder_datasets(folder / 'gone'), 'there is no'),
        (folder_datasets(folder, labels='gone.csv'), r'gone\.csv'),
        (folder_datasets(folder, negative_classes=['smoke', 'no smoke']), 'at least one class'),
        ({}, 'at least one data set'),
    ):
        report = check_data(settings, silent=True)
        assert not report.ok and len(report.problems) == 1
        assert __import__('re').search(text, report.problems[0])
    (folder / 'l.csv').write_text('path,label\nsmoke/1.png,\n')
    report = check_data(folder_datasets(folder, 'l.csv', classes='smoke'), silent=True)
    assert 'at least one image with a class' in report.problems[0]


def test_masks(tmp_path):
    write_toy(tmp_path)
    settings = folder_datasets(tmp_path, 'train.json', 'img/train', 'ann/train', negative_classes='no_smoke')
    masks = check_data(settings, silent=True).splits['train'].masks
    assert masks['found'] == masks['looked_at'] == 12 and masks['values'] == {0: 12, 1: 8} and not masks['missing']
    (tmp_path / 'ann/train/sub0/picture 0.png').unlink()
    Image.new('L', (5, 5)).save(tmp_path / 'ann/train/sub1/picture 1.png')
    report = check_data(settings, silent=True)
    assert any('1 masks are missing, first of' in line for line in report.problems)
    assert any('1 masks have another size, first' in line for line in report.problems)
    for path in (tmp_path / 'ann').rglob('*.png'):
        Image.fromarray(np.array(Image.open(path)) * 255).save(path)
    assert any('mask_values={255: 1}' in line for line in check_data(settings, silent=True).problems)
    settings['train']['mask_values'] = {255: 1}
    assert not any('mask_values' in line for line in check_data(settings, silent=True).problems)


def test_parts_of_a_config(tmp_path):
    write_toy(tmp_path)
    write_toy(tmp_path, 6, split='val')
    (tmp_path / 'img/val/sub0/picture 0.jpg').write_bytes((tmp_path / 'img/train/sub0/picture 0.jpg').read_bytes())
    cfg = load_config('configs/r50_pcm.py', data=toy_variables(tmp_path, val=True))
    report = check_data({'train': cfg.train_set, 'val': cfg.val_set, 'test': cfg.test_set}, silent=True)
    assert set(report.splits) == {'train', 'val'} and report.ok
    assert '1 pictures are in more than one part of the data' in str(report)
    assert 'picture 0.jpg (train)' in str(report) and 'picture 0.jpg (val)' in str(report)


def test_generated_data_have_no_files():
    report = check_data({'train': {'type': 'mmwsss.ShapesScenes', 'num_images': 3, 'img_size': 64}}, silent=True)
    assert report.ok and report.splits['train'].images == 3


def test_same_bytes_reads_files_of_one_size_only(tmp_path, monkeypatch):
    contents = {
        'a': b'x' * 10,
        'b': b'x' * 10,
        'c': b'y' * 10,
        'd': b'z',
        'e': b'q' * 70_000,
        'f': b'q' * 69_999 + b'r',
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    paths = {str(tmp_path / name): len(content) for name, content in contents.items()}
    (tmp_path / 'd').chmod(0)
    done = []
    assert same_bytes(paths, done.append) == [[str(tmp_path / 'a'), str(tmp_path / 'b')]]
    assert sum(done) == len(paths)


def test_batches():
    assert plan_batches(100, 32) == plan_batches(100, 32, True, 1) and plan_batches(100, 32).note is None
    plan = plan_batches(20, 32)
    assert (plan.batch_size, plan.drop_last) == (20, True)
    assert plan.note == 'batches of 20 instead of 32: the training set has 20 images'
    assert (
        plan_batches(33, 32, drop_last=False).drop_last and 'single image' in plan_batches(33, 32, drop_last=False).note
    )
    assert not plan_batches(34, 32, drop_last=False).drop_last
    assert plan_batches(20, 32, processes=4).batch_size == 5
    plan = plan_batches(1, 32)
    assert (plan.batch_size, plan.repeats) == (2, 2) and 'batch norm cannot learn from a single one' in plan.note
    assert [plan_batches(images, 32, processes=4).batch_size for images in (1, 2, 3, 4)] == [2, 2, 3, 2]
    plan = plan_batches(5, 1)  # as it was asked for
    assert (plan.batch_size, plan.repeats) == (1, 1) and 'a batch has a single image' in plan.note
    with pytest.raises(ValueError, match='Expected images >= 1, but got 0'):
        plan_batches(0, 32)


def test_tool(folder):
    def run(*arguments):
        command = [sys.executable, 'tools/check_data.py', *map(str, arguments)]
        environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
        return subprocess.run(command, capture_output=True, cwd=ROOT, timeout=120, env=environment)

    noise(folder / os.fsdecode(b'smoke/\xff\xfe.png'), 77)
    (folder / os.fsdecode(b'smoke/\xff.png')).write_bytes(b'')
    done = run(folder, '--negative-classes', 'no smoke', '--json')
    report = json.loads(done.stdout[done.stdout.index(b'{') :])
    assert done.returncode == 1 and report['splits']['train']['images'] == 8 and 'is empty' in report['problems'][0]
    (folder / os.fsdecode(b'smoke/\xff.png')).unlink()
    done = run(folder, '--negative-classes', 'no smoke')
    assert done.returncode == 0 and b'classes: smoke 5; without any class: 2' in done.stdout
