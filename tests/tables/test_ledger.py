"""The ledger of published figures."""

import re
import shlex
from pathlib import Path

import pytest

from mmwsss.config import load_config
from mmwsss.tables import ROWS, ledger, select_rows
from mmwsss.tables.ledger import STAGES, commands, ledger_page

ROOT = Path(__file__).parents[2]


def test_every_published_figure_of_the_tables_is_in_it_once():
    names = [entry.id for entry in ledger()]
    assert len(names) == len(set(names))
    assert {row.row for row in ROWS if row.reported is not None} <= set(names)
    for entry in ledger():
        assert 0 <= entry.figure < 100 and entry.stage in STAGES and entry.read_in and entry.data and entry.split, entry
        assert (entry.measured is None) or entry.command, entry


def test_the_page_is_what_the_data_say():
    assert (ROOT / 'docs/ledger.md').read_text('utf-8') == ledger_page()
    lines = [line for line in ledger_page().splitlines() if line.startswith('| ') and not line.startswith('| id ')]
    assert len(lines) == len(ledger()) and {line.count(' | ') for line in lines} == {9}


def test_a_command_names_what_exists():
    for entry in ledger():
        if entry.command is None:
            continue
        words = shlex.split(entry.command)
        assert words[0] == 'python' and (ROOT / words[1]).is_file(), entry.command
        if '--run' in words:
            assert select_rows([words[words.index('--run') + 1]])
        for word in words[2:]:
            if re.fullmatch(r'configs/.*\.py', word):
                load_config(ROOT / word, data='voc12')


def test_a_name_that_is_not_there():
    assert commands(['clip_es-voc-val']) == ['clip_es-voc-val: nothing here measures it']
    assert commands(['4.1-ours'])[0].startswith('4.1-ours: python tools/ablate.py --run 4.1-ours')
    with pytest.raises(KeyError, match="got 'acr-voc-vel'. Near it: acr-voc-val"):
        commands(['acr-voc-vel'])
