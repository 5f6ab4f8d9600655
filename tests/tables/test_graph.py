"""Rows as a graph: what they share, and what they rest on, is what it was when each row was run by hand."""

from pathlib import Path

import pytest

from mmwsss.runs import in_order
from mmwsss.tables import ACR_ROWS, ROWS
from mmwsss.tables.graph import RowGraph
from mmwsss.utils.files import read_json

SHARING = read_json(Path(__file__).with_name('sharing.json'))
"""By row: which training, teacher, control and evaluation folders it has at the paper's size."""
ALL_ROWS = [*ROWS, *ACR_ROWS]


@pytest.fixture(scope='module')
def graph(tmp_path_factory):
    return RowGraph('paper', 'voc12', tmp_path_factory.mktemp('work'))


def described(graph, row, config):
    """What a row's run rests on, in the words of the list."""
    run = graph.evaluated(row, config, 1)
    trainings = [needed for needed in in_order([run]) if needed.action == 'train']
    train_root = graph.work_dir / 'train'
    of_config = [node for node in trainings if node.folder.is_relative_to(train_root)]
    stems = [node.folder.parent.name for node in of_config]
    return {
        'train': stems[-1],
        'teacher': stems[0] if len(stems) == 2 else None,
        'eval': str(run.folder.relative_to(graph.work_dir / 'eval').parent),
    }


@pytest.mark.parametrize('row', ALL_ROWS, ids=lambda row: row.row)
def test_rows_share_what_they_shared(row, graph):
    expected = dict(SHARING[row.row])
    with_affinity, segmentor = expected.pop('affinity'), expected.pop('segmentor')
    control = graph.control(row)
    found = described(graph, row, row.config)
    found['control'] = described(graph, row, control) if control else None
    assert found == expected
    names = [node.folder for node in in_order([graph.evaluated(row, row.config, 1)])]
    assert any('affinity' in folder.parts for folder in names) == with_affinity
    assert any('masks' in folder.parts for folder in names) == (segmentor is not None)


def test_all_rows_together(graph):
    """91 rows are 32 trainings, of which 31 are the rows' own; no two runs share a folder."""
    runs = in_order(graph.runs(ALL_ROWS, [1]))
    folders = [run.folder for run in runs]
    assert len(set(folders)) == len(folders)
    trained = {folder.parent.name for folder in folders if folder.parent.parent.name == 'train'}
    wanted = {entry['train'] for entry in SHARING.values()} | {'r50_pcm'}
    wanted |= {entry['control']['train'] for entry in SHARING.values() if entry['control']}
    assert trained == wanted
    evaluated = {run.folder for run in runs if run.folder.is_relative_to(graph.work_dir / 'eval')}
    listed = {entry['eval'] for entry in SHARING.values()}
    listed |= {entry['control']['eval'] for entry in SHARING.values() if entry['control']}
    assert {str(folder.relative_to(graph.work_dir / 'eval').parent) for folder in evaluated} == listed
