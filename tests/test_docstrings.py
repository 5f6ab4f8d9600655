"""Examples in docstrings run."""

import doctest
import importlib
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
