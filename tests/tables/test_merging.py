"""Seeds that several machines measured, in one table."""

import json

import pytest

from mmwsss.tables import results_json, results_table, select_rows
from mmwsss.tables.merging import with_results_of


def entry(*seeds):
    return {kind: [{'seed': seed, 'iou_image': (value + seed) / 100} for seed in seeds]
            for kind, value in (('figures', 30), ('control', 20))}  # fmt: skip


@pytest.fixture
def rows():
    return select_rows(['4.7'])[:2]


def test_seeds_of_two_machines_stand_in_one_table(rows, tmp_path):
    first, second = (row.row for row in rows)
    own = {first: entry(3), second: {'figures': [], 'control': [], 'missing': 'no weights'}}
    other = tmp_path / 'other.json'
    other.write_text(json.dumps(results_json(rows, {first: entry(1, 2), second: entry(1)})))
    merged = with_results_of(own, [other])
    assert [figures['seed'] for figures in merged[first]['figures']] == [1, 2, 3] and len(own[first]['figures']) == 1
    table = results_table(rows, merged)
    assert '32.0 ± 1.0 | 22.0 ± 1.0' in table and 'paired by 3 seeds' in table and 'no weights' not in table
    assert with_results_of({first: entry(3)}, [other]).keys() == {first}, 'rows that nobody asked for'


def test_a_seed_counts_once(rows, tmp_path):
    other = tmp_path / 'other.json'
    other.write_text(json.dumps(results_json(rows, {rows[0].row: entry(3, 4)})))
    with pytest.raises(ValueError, match=f'seeds of {rows[0].row} in .*other.json .* but got 3 once more'):
        with_results_of({rows[0].row: entry(3)}, [other])
    other.write_text('{"seeds": 3}')
    with pytest.raises(ValueError, match=r'Expected the rows that tools/ablate.py writes in .*other.json'):
        with_results_of({rows[0].row: entry(3)}, [other])
