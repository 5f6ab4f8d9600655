"""The command ``mmwsss``, called in this process."""

import pytest

from mmwsss.cli.main import main


@pytest.fixture
def call(monkeypatch, capsys):
    """Run ``mmwsss WORDS`` in this process; exit code, output and errors."""

    def run(*words):
        monkeypatch.setattr('sys.argv', ['mmwsss', *map(str, words)])
        monkeypatch.setattr('mmwsss.cli.arguments.called_as', None)  # put back behind the test
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(call):
    """Run ``mmwsss WORDS``, which a user's error ends; its line."""

    def run(*words):
        code, _, errors = call(*words)
        line = errors.strip().splitlines()[-1]
        assert code == 2 and line.startswith('error: ') and 'Traceback' not in errors, errors
        return line

    return run
