"""Examples in docstrings run."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import mmwsss

ROOT = Path(mmwsss.__file__).parent
MODULES = [
    '.'.join(path.relative_to(ROOT.parent).with_suffix('').parts).removesuffix('.__init__')
    for path in sorted(ROOT.rglob('*.py'))
    if '>>> ' in path.read_text(encoding='utf-8')
]


@pytest.mark.parametrize('name', MODULES)
def test_examples(name):
    failed, attempted = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert attempted and not failed


def test_a_wrong_example_fails():
    test = doctest.DocTestParser().get_doctest('>>> 1 + 1\n3\n', {}, 'wrong', None, 0)
    assert doctest.DocTestRunner(verbose=False).run(test, out=lambda text: None).failed == 1


def test_there_are_examples():
    assert {'mmwsss', 'mmwsss.cam.functional', 'mmwsss.evaluation.figures', 'mmwsss.utils.errors'} <= set(MODULES)


REFERENCE = re.compile(r':(?:attr|class|data|func|meth|mod):`~?(mmwsss[.\w]*)`')


def lost_references(text):
    """Names of the package in a text that are not there."""
    lost = []
    for name in sorted(set(REFERENCE.findall(text))):
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            lost.append(name)
    return lost


def test_names_in_docstrings_are_there():
    lost = {str(path): found for path in ROOT.rglob('*.py') if (found := lost_references(path.read_text()))}
    assert not lost


def test_a_lost_name_is_found():
    assert lost_references(':class:`~mmwsss.runs.Pipelin`, :mod:`mmwsss.run`, :class:`~mmwsss.runs.Pipeline`') == [
        'mmwsss.run',
        'mmwsss.runs.Pipelin',
    ]
