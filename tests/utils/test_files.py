"""Whole files, and what is said where they cannot be."""

import errno
import json
import math

import numpy as np
import pytest

from mmwsss.utils import files
from mmwsss.utils.errors import InputError, MissingFileError, NoAccessError, ResourceError


def test_json(tmp_path):
    files.write_json(tmp_path / 'sub' / 'a.json', {'text': 'ä'})
    assert files.read_json(tmp_path / 'sub' / 'a.json') == {'text': 'ä'}
    with pytest.raises(MissingFileError, match=r'Expected JSON in .*b\.json, but there is no such file\.'):
        files.read_json(tmp_path / 'b.json')
    (tmp_path / 'c.json').write_text('{')
    with pytest.raises(InputError, match=r'Expected JSON in .*c\.json, but '):
        files.read_json(tmp_path / 'c.json')


def test_no_json_has_nan(tmp_path):
    content = {'a': float('nan'), 'b': [1, -float('inf'), (np.float64('nan'), 0.5)], 'c': 'nan', 'd': True}
    files.write_json(tmp_path / 'a.json', content)
    text = (tmp_path / 'a.json').read_text()

    def refuse(word):
        raise AssertionError(word)

    read = json.loads(text, parse_constant=refuse)  # called for NaN and Infinity
    assert read == {'a': None, 'b': [1, None, [None, 0.5]], 'c': 'nan', 'd': True}
    assert json.loads(files.json_text(content)) == read
    assert math.isnan(content['a'])


def test_hash_of_numbers_beside_text_as_keys():
    """What ``mask_values`` looks like."""
    values = {255: 1, 'other': 'ignore', 9: [{1: 2, 'a': ()}]}
    assert files.content_hash(values) == files.content_hash(json.loads(json.dumps(values)))
    assert files.content_hash(values) != files.content_hash({**values, 255: 2})


def test_full_disk(tmp_path, monkeypatch):
    (tmp_path / 'a.json').write_text('1')

    def full(descriptor):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(files.os, 'fsync', full)
    with pytest.raises(ResourceError, match=r'Expected space for .*a\.json, but No space left on device\.'):
        files.write_json(tmp_path / 'a.json', 2)
    assert [path.name for path in tmp_path.iterdir()] == ['a.json'] and (tmp_path / 'a.json').read_text() == '1'


def test_no_access(tmp_path, monkeypatch):
    def refuse(**kwargs):
        raise PermissionError(errno.EACCES, 'Permission denied')

    monkeypatch.setattr(files.tempfile, 'mkstemp', refuse)
    with pytest.raises(NoAccessError, match=f'Expected a folder that can be written to, but {tmp_path}: .*denied'):
        files.write_json(tmp_path / 'a.json', 2)


def test_an_error_inside_keeps_its_kind(tmp_path):
    with pytest.raises(PermissionError) as caught, files.atomic_write(tmp_path / 'a'):
        raise PermissionError('of something else')
    assert type(caught.value) is PermissionError and not list(tmp_path.iterdir())
