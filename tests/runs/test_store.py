"""The store: nothing twice, nothing mixed, nothing lost."""

import multiprocessing
import shutil
import time
from pathlib import Path

import pytest

from mmwsss.runs import Output, Run, StaleRunError, State, Store, actions, in_order
from mmwsss.runs.actions import Action
from mmwsss.runs.plan import plan_table
from mmwsss.utils.files import read_json, write_json


@pytest.fixture
def made(monkeypatch):
    """Names of the runs that are made; the toy action adds up its inputs."""
    names = []

    def add(work):
        names.append(work.run.name)
        if work.settings.get('fails'):
            raise RuntimeError('power cut')
        total = work.settings.get('value', 0) + sum(work.inputs.values())
        (work.folder / 'total.txt').write_text(str(total))
        return {'files': {'text': 'total.txt'}, 'values': {'total': total}, 'figures': {'iou_image': total / 100}}

    for name, costly in (('add', False), ('slow_add', True)):
        monkeypatch.setitem(actions.ACTIONS, name, Action('adding', add, ('left', 'right'), costly=costly))
    return names


def run(root, name, action='add', inputs=None, **settings):
    return Run(Path(root) / name, action, inputs=inputs or {}, settings=settings)


def graph(root, value=1, action='add'):
    first = run(root, 'first', action, value=value)
    second = run(root, 'second', inputs={'left': Output(first, 'total')}, value=10)
    third = run(root, 'third', inputs={'left': Output(first, 'total'), 'right': Output(second, 'total')})
    return first, second, third


def quiet(line):
    pass


def test_a_graph_is_made_once_in_order(tmp_path, made):
    first, second, third = graph(tmp_path)
    assert in_order([third, second]) == [first, second, third] and list(third.needed()) == [first, second]
    store = Store(quiet)
    assert store.state(third) is State.MISSING
    assert store.get(third)['values'] == {'total': 12} and made == ['first', 'second', 'third']
    assert store.value(Output(third, 'text')) == str(tmp_path / 'third' / 'total.txt')
    assert store.value(Output(third, 'folder')) == str(tmp_path / 'third')
    result = read_json(tmp_path / 'third' / 'result.json')
    assert set(result) == {'key', 'seconds', 'files', 'values', 'figures'}
    assert not (tmp_path / 'third' / 'started.json').exists()
    again = Store(quiet)
    assert again.get(graph(tmp_path)[2]) == result and len(made) == 3
    assert [again.state(node) for node in graph(tmp_path)] == [State.STANDS] * 3


def test_a_moved_folder_stands(tmp_path, made):
    Store(quiet).get(graph(tmp_path / 'here')[2])
    shutil.move(tmp_path / 'here', tmp_path / 'there')
    store = Store(quiet)
    assert store.get(graph(tmp_path / 'there')[2])['values'] == {'total': 12} and len(made) == 3
    assert Path(store.value(Output(graph(tmp_path / 'there')[2], 'text'))).read_text() == '12'


def test_other_settings_are_refused_where_they_cost_hours(tmp_path, made):
    Store(quiet).get(graph(tmp_path, action='slow_add')[2])
    with pytest.raises(StaleRunError, match=r'first was made by other settings.*--restart first'):
        Store(quiet).get(graph(tmp_path, value=2, action='slow_add')[2])
    assert len(made) == 3 and (tmp_path / 'first' / 'total.txt').read_text() == '1'
    store = Store(quiet)
    first, second, third = graph(tmp_path, value=2, action='slow_add')
    store.restart([third], first)
    assert (tmp_path / 'first.old1' / 'total.txt').read_text() == '1' and not (tmp_path / 'third').exists()
    assert store.get(third)['values'] == {'total': 14} and len(made) == 6


def test_cheap_results_of_other_settings_are_set_aside(tmp_path, made):
    lines = []
    Store(quiet).get(graph(tmp_path)[2])
    store = Store(lines.append)
    first, second, third = graph(tmp_path, value=5)
    assert [store.state(node) for node in (first, second, third)] == [
        State.OTHER_SETTINGS, State.OTHER_DATA, State.OTHER_DATA]  # fmt: skip
    assert store.get(third)['values'] == {'total': 20} and len(made) == 6
    assert lines[0] == f'first: settings changed; what was there is now {tmp_path / "first.old1"}'
    assert (tmp_path / 'third.old1' / 'total.txt').read_text() == '12'


def test_restart_leaves_what_does_not_rest_on_it(tmp_path, made):
    Store(quiet).get(graph(tmp_path)[2])
    first, second, third = graph(tmp_path)
    store = Store(quiet)
    store.restart([third], second)
    store.get(third)
    assert made == ['first', 'second', 'third', 'second', 'third']


def test_a_run_that_died_goes_on_where_it_was(tmp_path, made):
    broken = run(tmp_path, 'x', fails=True)
    with pytest.raises(RuntimeError, match='power cut'):
        Store(quiet).get(broken)
    (tmp_path / 'x' / 'half done').touch()
    assert Store(quiet).state(broken) is State.INTERRUPTED
    with pytest.raises(RuntimeError, match='power cut'):
        Store(quiet).get(broken)
    assert (tmp_path / 'x' / 'half done').exists()  # gone on with, not set aside
    assert Store(quiet).get(run(tmp_path, 'x', value=3))['values'] == {'total': 3}  # other settings: not mixed
    assert (tmp_path / 'x.old1' / 'half done').exists() and not (tmp_path / 'x' / 'half done').exists()


def test_files_that_nobody_accounts_for_are_not_built_on(tmp_path, made):
    (tmp_path / 'x').mkdir()
    (tmp_path / 'x' / 'epoch_3.pth').touch()
    Store(quiet).get(run(tmp_path, 'x', value=1))
    assert (tmp_path / 'x.old1' / 'epoch_3.pth').exists() and not (tmp_path / 'x' / 'epoch_3.pth').exists()


def _slowly(root):
    def wait(work):
        with (Path(root) / 'log').open('a') as log:
            log.write('begin\n')
        time.sleep(0.5)
        return {'values': {'one': 1}}

    actions.ACTIONS['wait'] = Action('waiting', wait)
    assert Store(quiet).get(Run(Path(root) / 'x', 'wait'))['values'] == {'one': 1}


def test_two_processes_make_a_run_once(tmp_path):
    context = multiprocessing.get_context('fork')
    both = [context.Process(target=_slowly, args=(tmp_path,)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert (tmp_path / 'log').read_text() == 'begin\n'


def test_a_plan_says_what_stands_and_what_it_took(tmp_path, made):
    first, second, third = graph(tmp_path)
    store = Store(quiet)
    assert '0 of 3 runs stand; the others took 0 s before, 3 of them never ran' in plan_table(
        store, [first, second, third]
    )
    store.get(second)
    write_json(tmp_path / 'first' / 'result.json', {**read_json(tmp_path / 'first' / 'result.json'), 'seconds': 71.6})
    lines = plan_table(Store(quiet), [first, second, third]).splitlines()
    assert lines[1].split() == ['first', 'add', '72', 's', 'stands'] and lines[3].endswith('will run')
    first, second, third = graph(tmp_path, value=2)
    lines = plan_table(Store(quiet), [first, second, third]).splitlines()
    assert lines[1].endswith('made by other settings') and 'inputs changed' in lines[2]
    assert lines[-1].startswith('0 of 3 runs stand; the others took 72 s before')
    assert made == ['first', 'second']


LABELS = 'path,label\na.png,smoke\nb.png,\n'


def labelled(root, text=LABELS):
    from PIL import Image

    root.mkdir(exist_ok=True)
    for name in ('a.png', 'b.png', 'c.png'):
        if not (root / name).exists():
            Image.new('RGB', (8, 8)).save(root / name)
    (root / 'labels.csv').write_text(text)
    config = root / 'config.py'
    config.write_text(
        "kind = 'classifier'\n"
        "train_dataloader = dict(dataset=dict(type='mmwsss.ImageLabelDataset', ann_file='labels.csv', "
        f'data_root={str(root)!r}, pipeline=[]))\n'
    )
    return str(config)


def test_corrected_labels_and_added_images_make_a_training_stale(tmp_path, monkeypatch):
    trained = []
    action = actions.ACTIONS['train']

    def train(work):
        trained.append(work.run.name)
        return {'values': {}}

    monkeypatch.setitem(actions.ACTIONS, 'train', Action('training', train, datasets=action.datasets, costly=True))

    def get(text):
        return Store(quiet).get(Run(tmp_path / 'teacher', 'train', labelled(tmp_path / 'data', text)))

    get(LABELS)
    get(LABELS)
    assert len(trained) == 1
    added = LABELS + 'c.png,smoke\n'
    for count, text in enumerate((LABELS.replace('b.png,', 'b.png,smoke'), added), 2):
        get(text)
        get(text)
        assert len(trained) == count
    assert (tmp_path / 'teacher.old2').is_dir()
    data = tmp_path / 'data'
    (data / 'a.png').write_bytes((data / 'a.png').read_bytes() + b'more')  # another picture of the same name
    get(added)
    assert len(trained) == 4
    with pytest.raises(ValueError, match='line 3'):
        get('path,label\na.png,smoke\n,smoke\n')
    assert len(trained) == 4 and not (tmp_path / 'teacher.old4').exists()
