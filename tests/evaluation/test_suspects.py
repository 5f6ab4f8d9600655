"""Wrong labels are found by what images of other photos say, and answers go back into the labels."""

import csv
import os.path as osp

import numpy as np
import pytest
from PIL import Image

from mmwsss.apis.suspects import (
    label_suspects,
    read_answers,
    suspect_rows,
    write_answered_labels,
    write_suspects,
)
from mmwsss.datasets import ImageLabelDataset
from mmwsss.datasets.groups import Grouping
from mmwsss.evaluation.suspects import find_suspects, folds_of


def save_picture(path, grey):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((12, 16, 3), grey, np.uint8)).save(path)


def data(number=200, wrong=20, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.random((number, 1)) < 0.5
    features = rng.normal(size=(number, 6)) + labels * 1.5
    planted = rng.permutation(number)[:wrong]
    given = labels.copy()
    given[planted] ^= True
    return features, given, planted


def test_planted_labels_come_first():
    features, given, planted = data()
    blocks = [str(index // 2) for index in range(200)]
    found = find_suspects(features, given, blocks)
    first = found.ranked()[: len(planted)]
    assert len(set(first) & set(planted)) >= 16
    assert set(np.flatnonzero(found.suspected)) >= set(first[:10])
    assert found.doubt[first[0]] == found.doubt.max() and found.probability.shape == (200, 1)


def test_copies_of_an_image_do_not_vouch_for_it():
    """With each image's copy in another fold, a network without decay learns the wrong labels by heart."""
    rng = np.random.default_rng(1)
    features, given, planted = data(60, 6, 1)
    features = np.concatenate([features, rng.normal(size=(60, 200))], 1)  # each image is known by its noise
    twice, labels = np.repeat(features, 2, 0), np.repeat(given, 2, 0)
    wrong = np.concatenate([2 * planted, 2 * planted + 1])
    by_photo = find_suspects(twice, labels, [str(index // 2) for index in range(120)], decay=1e-4)
    by_crop = find_suspects(twice, labels, [str(index) for index in range(120)], decay=1e-4)
    assert by_photo.doubt[wrong].mean() > by_crop.doubt[wrong].mean() + 0.2


def test_folds_keep_blocks_whole_and_are_alike_in_size():
    blocks = ['big'] * 30 + [str(index) for index in range(90)]
    folds = folds_of(blocks, 4)
    assert len(set(folds[:30])) == 1 and np.bincount(folds).tolist() == [30, 30, 30, 30]
    for number in (1, 92):
        with pytest.raises(ValueError, match=f'from 2 folds to one a block .91 blocks., but got {number}'):
            folds_of(blocks, number)
    with pytest.raises(ValueError, match='class 0 is on all of them or on none'):
        find_suspects(np.zeros((4, 1)), np.ones((4, 1)), list('abcd'), 2)


class Brightness:
    """An encoder that sees how bright a picture is."""

    def of_dataset(self, dataset, indices):
        from mmwsss.datasets.transforms import LoadPicture

        return np.array([[LoadPicture()(dataset.get_data_info(index))['img'].mean()] for index in indices])


@pytest.fixture
def folder(tmp_path):
    lines = ['path,label']
    for index in range(24):
        smoke = index % 2 == 0
        save_picture(tmp_path / f'photo {index}' / 'a, b.jpg', 200 if smoke else 60)
        told = smoke if index not in (5, 8) else not smoke
        lines.append(f'"photo {index}/a, b.jpg",{"smoke" if told else ""}')
    (tmp_path / 'labels.csv').write_text('\n'.join(lines) + '\n')
    return tmp_path


def build(folder, name='labels.csv'):
    return ImageLabelDataset(name, str(folder), '', pipeline=[])


def test_from_labels_to_answers_and_back(folder, tmp_path):
    dataset = build(folder)
    suspects = label_suspects(dataset, Grouping(pattern=r'(photo \d+)'), Brightness(), folds=4)
    rows = suspect_rows(dataset, suspects, 4)
    assert {row['path'] for row in rows[:2]} == {'photo 5/a, b.jpg', 'photo 8/a, b.jpg'}
    assert {(row['label'], row['suggested']) for row in rows[:2]} == {('smoke', ''), ('', 'smoke')}
    write_suspects(rows, tmp_path / 'out')
    page = (tmp_path / 'out' / 'suspects.html').read_text()
    assert page.count('<img') == 4 and page.count('type="radio"') == 12 and 'no class' in page
    with open(tmp_path / 'out' / 'suspects.csv', newline='') as handle:
        assert [row['path'] for row in csv.DictReader(handle)] == [row['path'] for row in rows]
    answers = tmp_path / 'answers.csv'
    answers.write_text(
        'path,answer\n"photo 5/a, b.jpg",wrong\n"photo 8/a, b.jpg",wrong\n"photo 0/a, b.jpg",right\n'
        '"photo 1/a, b.jpg",unsure\n'
    )
    counts = write_answered_labels(dataset, read_answers(answers), folder / 'new.csv')
    assert counts == {'images': 24, 'right': 1, 'wrong': 2, 'unsure': 1}
    after = build(folder, 'new.csv')
    infos = [after.get_data_info(index) for index in range(24)]
    assert [bool(info['gt_label'].size) for info in infos] == [index % 2 == 0 for index in range(24)]
    targets = [float(info['gt_score'][0]) for info in infos]
    assert targets[5] == pytest.approx(1.5 / 6) and targets[2] == 1
    assert targets[8] == pytest.approx(4.5 / 6) and targets[0] == pytest.approx(5.5 / 6) and 0.3 < targets[1] < 0.5


def test_folders_that_are_the_labels_are_no_blocks(tmp_path):
    for index in range(24):
        kind = ('smoke', 'clear', 'none')[index % 3]
        save_picture(tmp_path / kind / f'{index}.jpg', 200 if kind == 'smoke' else 60 + index)
    dataset = ImageLabelDataset('', str(tmp_path), '', negative_classes=['clear', 'none'], pipeline=[])
    with pytest.warns(UserWarning, match='Folders are the labels here'):
        found = label_suspects(dataset, None, Brightness())
    assert len(set(found.fold.tolist())) == 5 and not found.suspected.any()


def test_answers_keep_the_votes_that_stand_there(folder):
    names = [build(folder).get_data_info(index)['img_path'] for index in range(4)]
    paths = [f'"{osp.relpath(name, folder)}"' for name in names]
    cases = {
        'votes_for,votes_against': (
            ['smoke,2,1', 'no_smoke,0,1', 'smoke,1,3', 'smoke,,'],
            [(2, 1), (0, 1), (5, 3), ()],
        ),
        'probability': (['smoke,0.9', 'no_smoke,0.2', 'smoke,0.3', 'smoke,'], [(0.9,), (0.2,), (0.7667,), ()]),
    }
    (folder / 'a.csv').write_text(f'path,answer\n{paths[2]},wrong\n')  # it is read as no smoke, which is called wrong
    for header, (labels, doubts) in cases.items():
        rows = [f'{path},{label}' for path, label in zip(paths, labels)]
        (folder / 'votes.csv').write_text('\n'.join([f'path,label,{header}', *rows]) + '\n')
        before = build(folder, 'votes.csv')
        write_answered_labels(before, read_answers(folder / 'a.csv'), folder / 'new.csv')
        after = build(folder, 'new.csv')
        for index, doubt in enumerate(doubts):
            old, new = before.get_data_info(index), after.get_data_info(index)
            assert new.get('doubt', ()) == pytest.approx(doubt)
            assert index == 2 or new['gt_score'].tolist() == pytest.approx(old['gt_score'].tolist())
        assert before.get_data_info(2)['gt_label'].size == 0 and after.get_data_info(2)['gt_label'].size == 1


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('path,answer\na.jpg,maybe\n', r"one of \['right', 'wrong', 'unsure'\] in .*line 2"),
        ('path,verdict\n', 'Expected the columns path and answer'),
        ('path,answer\na.jpg,right\na.jpg,wrong\n', 'Expected one answer on a.jpg'),
        ('path,answer\nz.jpg,right\n', 'but z.jpg is none of them'),
    ],
)
def test_wrong_answers(folder, text, message):
    (folder / 'a.csv').write_text(text)
    with pytest.raises(ValueError, match=message):
        write_answered_labels(build(folder), read_answers(folder / 'a.csv'), folder / 'new.csv')
    assert not (folder / 'new.csv').exists()
    with pytest.raises(FileNotFoundError, match='Expected answers'):
        read_answers(folder / 'no.csv')
