"""A config is formatted once."""

from types import SimpleNamespace

import pytest
from conftest import FORMAT_CODE
from mmengine.config import Config
from yapf.yapflib import yapf_api

from mmwsss.utils import formatting_cache
from mmwsss.utils.formatting_cache import keep_formatted


@pytest.fixture
def toy():
    """A module like yapf's, and what it was asked to format."""
    asked = []

    def format_code(unformatted_source, style_config=None):
        asked.append((unformatted_source, style_config))
        return unformatted_source.strip(), True

    module = SimpleNamespace(FormatCode=format_code)
    keep_formatted(module)
    return module, asked


def test_the_same_text_is_formatted_once(toy):
    module, asked = toy
    for _ in range(3):
        assert module.FormatCode(' a = 1', style_config={'indent': 4}) == ('a = 1', True)
    assert asked == [(' a = 1', {'indent': 4})]
    module.FormatCode(' a = 1', style_config={'indent': 2})
    module.FormatCode(' a = 2', style_config={'indent': 4})
    assert len(asked) == 3


def test_few_texts_are_kept(toy, monkeypatch):
    module, asked = toy
    monkeypatch.setattr(formatting_cache, '_TEXTS', 2)
    for text in ('a', 'b', 'c', 'c', 'b', 'a'):
        assert module.FormatCode(text) == (text, True)
    assert [text for text, _ in asked] == ['a', 'b', 'c', 'a']


def test_configs_of_the_host_are_formatted_by_it(monkeypatch):
    monkeypatch.setattr(yapf_api, 'FormatCode', FORMAT_CODE)
    trees = []
    original = yapf_api.FormatTree
    monkeypatch.setattr(yapf_api, 'FormatTree', lambda *args, **kwargs: trees.append(1) or original(*args, **kwargs))
    cfg = Config({'a': {'formatted': 'once', 'items': list(range(50))}})
    texts = {cfg.pretty_text for _ in range(3)}
    assert len(texts) == 1 and len(trees) == 1 and Config.fromstring(texts.pop(), '.py').to_dict() == cfg.to_dict()
