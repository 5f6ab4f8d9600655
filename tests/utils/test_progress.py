"""A bar on a terminal, lines in a log."""

import io
import sys

import pytest

from mmwsss.utils import progress as module
from mmwsss.utils.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""
    now = [100.0]
    monkeypatch.setattr(module.time, 'monotonic', lambda: now[0])
    return now


def test_lines_in_a_log(clock, capsys):
    with Progress(10, 'maps', every=20) as progress:
        for _ in range(10):
            clock[0] += 8
            progress.update()
    assert capsys.readouterr().err.splitlines() == [
        'maps: 3/10, 24 s, 56 s left',
        'maps: 6/10, 48 s, 32 s left',
        'maps: 9/10, 72 s, 8 s left',
        'maps: 10/10, 80 s',
    ]


def test_what_an_earlier_run_did_takes_no_time(clock, capsys):
    with Progress(10, 'steps', every=20, done=6) as progress:
        clock[0] += 30
        progress.update(2)
    assert capsys.readouterr().err.splitlines()[0] == 'steps: 8/10, 30 s, 30 s left'


def test_nothing_done_and_silent(capsys):
    with Progress(10, 'maps', done=10):
        pass
    with Progress(10, 'maps', every=0, silent=True) as progress:
        progress.update(3)
    assert progress.count == 3 and capsys.readouterr().err == ''


def test_bar_on_a_terminal(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, 'stderr', terminal)
    with Progress(4, 'maps', done=1) as progress:
        progress.update(3)
    assert 'maps: 100%' in terminal.getvalue() and '4/4' in terminal.getvalue() and '\r' in terminal.getvalue()
