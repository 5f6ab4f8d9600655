"""Functions that run when a module is imported."""

import importlib
import inspect
import sys
from importlib.machinery import SourceFileLoader

import pytest

from mmwsss.utils.import_hooks import on_import


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Name of a module that was never imported; it notes that it ran."""
    (tmp_path / 'watched_module.py').write_text('from watched_log import log\nlog.append("module")\nvalue = 1\n')
    (tmp_path / 'watched_log.py').write_text('log = []\n')
    monkeypatch.syspath_prepend(tmp_path)
    yield 'watched_module'
    for name in ('watched_module', 'watched_log'):
        sys.modules.pop(name, None)


def test_order_and_loader(module):
    log = importlib.import_module('watched_log').log
    seen = []
    on_import(module, lambda: log.append('before'), lambda it: (log.append('after'), seen.append(it)))
    assert module not in sys.modules and log == []
    imported = importlib.import_module(module)
    assert log == ['before', 'module', 'after'] and seen == [imported] and imported.value == 1
    assert type(imported.__loader__) is SourceFileLoader and imported.__spec__.loader is imported.__loader__
    assert 'value = 1' in inspect.getsource(imported)
    importlib.reload(imported)
    assert log == ['before', 'module', 'after', 'module']


def test_imported_already(module):
    imported = importlib.import_module(module)
    seen = []
    on_import(module, lambda: seen.append('before'), seen.append)
    assert seen == [imported]


def test_looking_for_a_module_runs_nothing(module):
    seen = []
    on_import(module, before=lambda: seen.append(1))
    assert importlib.util.find_spec(module).origin.endswith('watched_module.py') and not seen


def test_again_after_a_failed_import(module, tmp_path):
    seen = []
    on_import(module, before=lambda: seen.append('before'), after=lambda it: seen.append('after'))
    source = tmp_path / 'watched_module.py'
    source.write_text('raise RuntimeError("no")')
    with pytest.raises(RuntimeError, match='no'):
        importlib.import_module(module)
    source.write_text('value = 12345')
    importlib.invalidate_caches()
    assert importlib.import_module(module).value == 12345
    assert seen == ['before', 'before', 'after']


def test_missing_module():
    on_import('module_that_does_not_exist', before=lambda: None)
    with pytest.raises(ModuleNotFoundError, match='module_that_does_not_exist'):
        importlib.import_module('module_that_does_not_exist')
