"""Label files as people write them."""

import json

import pytest
from helpers_of_images import save_picture

from mmwsss.datasets import ImageLabelDataset
from mmwsss.datasets.spelling import looks_negative, names_of, plain_negatives, spelling


@pytest.fixture
def root(tmp_path):
    for name in ('a.jpg', 'b.jpg', 'c.jpg', 'sub/d.jpg'):
        save_picture(tmp_path / 'img' / name)
    return tmp_path


def read(root, text, name='l.csv', **kwargs):
    content = text if isinstance(text, bytes) else (text if isinstance(text, str) else json.dumps(text)).encode()
    (root / name).write_bytes(content)
    dataset = ImageLabelDataset(name, str(root), 'img', **kwargs)
    classes = dataset.metainfo['classes']
    items = [dataset.get_data_info(index) for index in range(len(dataset))]
    found = {item['img_path'].split('img/')[1]: [classes[k] for k in item['gt_label']] for item in items}
    return found, dataset


def json_text(*labels, classes=('smoke',)):
    entries = [{'img_path': name, 'gt_label': label} for name, label in zip(('a.jpg', 'b.jpg'), labels)]
    return json.dumps({'metainfo': {'classes': classes}, 'data_list': entries})


SAME = {'a.jpg': ['smoke'], 'b.jpg': []}
FORMS = {
    'plain': ('l.csv', 'path,label\na.jpg,smoke\nb.jpg,\n'),
    'mark': ('l.csv', '\ufeffpath,label\na.jpg,smoke\nb.jpg,\n'),
    'upper': ('L.CSV', 'path,label\na.jpg,smoke\nb.jpg,\n'),
    'no header': ('l.csv', 'a.jpg,smoke\nb.jpg,\n'),
    'mark and no header': ('l.csv', '\ufeffa.jpg,smoke\nb.jpg,\n'),
    'tabs': ('l.csv', 'path\tlabel\na.jpg\tsmoke\nb.jpg\t\n'),
    'tsv': ('l.tsv', 'path\tlabel\na.jpg\tsmoke\nb.jpg\t\n'),
    'semicolons': ('l.csv', 'path;label\r\na.jpg;smoke\r\nb.jpg;\r\n'),
    'numbers': ('l.csv', 'path,smoke\na.jpg,1\nb.jpg,0\n'),
    'json': ('l.json', json_text([0], [])),
    'json mark': ('l.JSON', '\ufeff' + json_text(0, [], classes='smoke')),
    'json names': ('l.json', json_text('Smoke', [])),
    'json one-hot': ('l.json', json_text([1], [0])),
}


@pytest.mark.parametrize('form', FORMS)
def test_forms_of_one_content(root, form):
    found, dataset = read(root, FORMS[form][1], FORMS[form][0])
    assert found == SAME and dataset.metainfo['classes'] == ('smoke',)


@pytest.mark.parametrize('word', ['no smoke', 'No_Smoke', 'NO-SMOKE', ' no  smoke '])
def test_negatives_in_any_spelling(root, word):
    found, dataset = read(root, f'path,label\na.jpg,smoke\nb.jpg,{word}\n', negative_classes=['no_smoke', 'none'])
    assert found == SAME and dataset.metainfo['classes'] == ('smoke',)
    found, _ = read(root, 'path,label\na.jpg,smoke\nb.jpg,None\n', negative_classes=['no_smoke', 'none'])
    assert found == SAME


@pytest.mark.parametrize(
    'word', ['no smoke', 'No_Smoke', 'nosmoke', 'Non-Smoke', 'without smoke', 'None', 'BACKGROUND']
)
def test_plain_negatives_are_no_classes(root, word):
    """In a CSV, a JSON and in folders alike, and said; who wants a class of that name gives it in ``classes``."""
    table = f'path,label\na.jpg,smoke\nb.jpg,{word}\n'
    found, dataset = read(root, table)
    note = f'{word!r} read as "no class"; a name in classes is a class, whatever it is called'
    assert found == SAME and dataset.metainfo['classes'] == ('smoke',) and dataset.notes == [note]
    assert dataset.negative_classes == (word,)
    found, dataset = read(root, json_text(1, 0, classes=[word, 'smoke']), 'l.json')
    assert found == SAME and dataset.notes == [note]
    found, dataset = read(root, table, classes=[word, 'smoke'])
    assert found == {'a.jpg': ['smoke'], 'b.jpg': [word]} and not dataset.notes
    assert read(root, table, classes=['smoke'])[0] == SAME
    for name, label in (('a.jpg', 'smoke'), ('b.jpg', word)):
        save_picture(root / 'folders' / label / name)
    dataset = ImageLabelDataset(data_root=str(root / 'folders'))
    assert dataset.metainfo['classes'] == ('smoke',) and dataset.notes == [note]
    assert sorted(len(dataset.get_data_info(index)['gt_label']) for index in range(2)) == [0, 1]


def test_what_may_be_a_class_stays_one(root):
    table = 'path,label\na.jpg,smoke\nb.jpg,clear\nc.jpg,no fire\nsub/d.jpg,noodle\n'
    assert read(root, table)[1].metainfo['classes'] == ('clear', 'no fire', 'noodle', 'smoke')
    with pytest.raises(ValueError, match='at least one image with a class'):
        read(root, 'path,label\na.jpg,none\n', negative_classes='none', classes='smoke')
    assert plain_negatives(['0', '1']) == ('0',) and plain_negatives(['0', '1', '2']) == ()
    assert plain_negatives(['No', 'Yes']) == ('No',) and plain_negatives(['no', 'si']) == ()
    assert plain_negatives(['fire', 'smoke', 'no smoke', 'Without_Fire']) == ('no smoke', 'Without_Fire')


def test_folders_called_0_and_1(root):
    for name in ('0/x.jpg', '1/y.jpg', '1/z.jpg'):
        save_picture(root / 'folders' / name)
    dataset = ImageLabelDataset(data_root=str(root / 'folders'))
    assert dataset.metainfo['classes'] == ('1',)
    assert [len(dataset.get_data_info(index)['gt_label']) for index in range(3)] == [0, 1, 1]
    both = ImageLabelDataset(data_root=str(root / 'folders'), classes=['0', '1'])
    assert [both.get_data_info(index)['gt_label'].tolist() for index in range(3)] == [[0], [1], [1]]


def test_a_text_is_one_name(root):
    text = 'path,label\na.jpg,dirty\nb.jpg,clean\n'
    (root / 'dirty').write_text('a file\nof this name\n')
    found, dataset = read(root, text, classes='dirty', negative_classes='clean')
    assert found == {'a.jpg': ['dirty'], 'b.jpg': []} and dataset.metainfo['classes'] == ('dirty',)
    content = {'metainfo': {'classes': 'smoke'}, 'data_list': [{'img_path': 'a.jpg', 'gt_label': 0}]}
    assert read(root, content, 'l.json')[1].metainfo['classes'] == ('smoke',)
    assert names_of('smoke', 'classes') == ('smoke',) and names_of('', 'classes') == names_of(None, 'classes') == ()
    with pytest.raises(ValueError, match="different names in classes, but got 'Smoke' and 'smoke'"):
        read(root, text, classes=['Smoke', 'smoke'])
    with pytest.raises(ValueError, match="no name in both classes and negative_classes, but got 'clean' in both"):
        read(root, text, classes=['dirty', 'clean'], negative_classes=['Clean'])


def test_zero_and_one(root):
    text = 'path,label\na.jpg,1\nb.jpg,0\n'
    found, dataset = read(root, text, classes=['smoke'])
    assert found == SAME
    found, dataset = read(root, text)
    assert found == {'a.jpg': ['1'], 'b.jpg': []}
    assert any("1 was read as the class '1' (classes=NAME names it), 0 as no class" in note for note in dataset.notes)
    with pytest.raises(ValueError, match=r"names of \['fire', 'smoke'\] in .*l\.csv, but its labels are 0 and 1"):
        read(root, text, classes=['fire', 'smoke'])
    for absent, present in (('False', 'True'), ('no', 'YES')):
        found, dataset = read(root, f'path,smoke\na.jpg,{present}\nb.jpg,{absent}\n')
        assert found == SAME and any("was read as the class 'smoke', " in note for note in dataset.notes)
    found, _ = read(root, 'path,label\na.jpg,1\nb.jpg,0\nc.jpg,2\n')  # three kinds: names like any other
    assert found == {'a.jpg': ['1'], 'b.jpg': ['0'], 'c.jpg': ['2']}


def test_words_that_differ_in_case(root):
    found, dataset = read(root, 'path,label\na.jpg,Smoke\nb.jpg,smoke\nc.jpg,smoke\nsub/d.jpg,\n')
    assert dataset.metainfo['classes'] == ('smoke',) and found['a.jpg'] == ['smoke']
    assert "'Smoke' read as another spelling of 'smoke'" in dataset.notes
    found, _ = read(root, 'path,label\na.jpg,SMOKE\nb.jpg,\n', classes=['smoke'])
    assert found == SAME
    with pytest.raises(ValueError, match=r"different names in metainfo\.classes of .*l\.json, but got 'a b' and 'A_B'"):
        read(root, {'metainfo': {'classes': ['a b', 'A_B']}, 'data_list': []}, 'l.json')


def json_of(classes, *labels):
    names = ('a.jpg', 'b.jpg', 'c.jpg')
    return {
        'metainfo': {'classes': classes},
        'data_list': [{'img_path': name, 'gt_label': label} for name, label in zip(names, labels)],
    }


def test_one_hot(root):
    three = ['x', 'y', 'z']
    found, dataset = read(root, json_of(three, [0, 1, 0], [1, 0, 1], [0, 0, 0]), 'l.json')
    assert found == {'a.jpg': ['y'], 'b.jpg': ['x', 'z'], 'c.jpg': []} and 'one-hot' in dataset.notes[0]
    found, _ = read(root, json_of(['x', 'y'], [0, 1], [1, 0]), 'l.json')
    assert found == {'a.jpg': ['y'], 'b.jpg': ['x']}
    found, _ = read(root, json_of(['x', 'y'], [0, 1], [0]), 'l.json')  # indices: one list is shorter
    assert found == {'a.jpg': ['x', 'y'], 'b.jpg': ['x']}
    found, _ = read(root, json_of(['x', 'y'], [False, True], [True, False]), 'l.json')
    assert found == {'a.jpg': ['y'], 'b.jpg': ['x']}


BAD_JSON = {
    'repeated': (
        json_of(['x', 'y'], [1, 1, 1]),
        r'every class once as gt_label in .*data_list\[0\] \(a\.jpg\), but got \[1',
    ),
    'mixed': (json_of(['x', 'y', 'z'], [0, 1, 0], [1]), r'every class once .*but got \[0, 1, 0\]'),
    'negative': (json_of(['x'], [-1]), r'gt_label in \[0, 0\] in .*but got -1'),
    'real': (json_of(['x'], 0.0), r'gt_label in \[0, 0\] in .*but got 0\.0'),
    'unknown': (json_of(['x'], 'y'), "but got 'y'"),
    'list': ([{'img_path': 'a.jpg', 'gt_label': 0}], r'metainfo.classes and a data_list .*l\.json, but it is list'),
    'no classes': ({'data_list': []}, r'but got None as classes'),
    'no label': (
        {'metainfo': {'classes': ['x']}, 'data_list': [{'img_path': 'a.jpg'}]},
        r'gt_label in .*data_list\[0\]',
    ),
    'no text': ({'metainfo': {'classes': ['x']}, 'data_list': [{'img_path': 3, 'gt_label': 0}]}, 'a text as img_path'),
    'entry': ({'metainfo': {'classes': ['x']}, 'data_list': ['a.jpg']}, r'data_list\[0\], but got "a\.jpg"'),
    'deep': ('[' * 100_000, r'Expected JSON in .*l\.json'),
}


@pytest.mark.parametrize('case', BAD_JSON)
def test_bad_json(root, case):
    with pytest.raises(ValueError, match=BAD_JSON[case][1]):
        read(root, BAD_JSON[case][0], 'l.json')


def test_rows_of_one_picture(root):
    found, dataset = read(root, 'path,label\na.jpg,smoke\n./a.jpg,fire\nb.jpg,smoke\nsub/../b.jpg,Smoke\n')
    assert found == {'a.jpg': ['fire', 'smoke'], 'b.jpg': ['smoke']}
    assert '2 rows name a picture that an earlier row names: joined' in dataset.notes
    text = 'path,label\na.jpg,smoke\nb.jpg,\na.jpg,\n'
    with pytest.raises(ValueError, match=r"l\.csv, line 2 says 'smoke' of a\.jpg and .*l\.csv, line 4 says no class"):
        read(root, text)
    text = 'path,label\na.jpg,no smoke\na.jpg,smoke\n'
    with pytest.raises(ValueError, match=r"line 2 says 'no smoke' of a\.jpg and .*line 3 says 'smoke'"):
        read(root, text, negative_classes=['no_smoke'])
    with pytest.raises(ValueError, match=r"classes or 'no smoke' in .*line 2, but got both: 'no smoke;smoke'"):
        read(root, 'path,label\na.jpg,no smoke;smoke\n', negative_classes=['no_smoke'])


def test_backslashes(root):
    assert read(root, 'path,label\nsub\\d.jpg,smoke\n')[0] == {'sub/d.jpg': ['smoke']}


def test_spelling():
    assert spelling(' No__smoke- ') == spelling('no smoke') == 'no smoke'
    assert spelling('caf\u00e9') == spelling('CAFE\u0301') and spelling('Stra\u00dfe') == spelling('STRASSE')
    assert all(map(looks_negative, ['None', 'no fire', 'Without-Smoke', 'NORMAL', '0']))
    assert not any(map(looks_negative, ['smoke', 'noodle', '1', 'northern light']))


def test_notes_are_warnings_of_a_training_set(root):
    with pytest.warns(UserWarning, match=r'l\.csv: .*has no header'):
        read(root, 'a.jpg,smoke\n')
