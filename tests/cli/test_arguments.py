"""Arguments that tools share."""

import os

import pytest

import mmwsss.config
from mmwsss.cli.arguments import (
    LAUNCHERS,
    add_config_arguments,
    add_launcher_arguments,
    add_model_config_argument,
    add_trust_flag,
    config_of,
    model_config_of,
    tool_parser,
)


@pytest.fixture
def parser():
    made = tool_parser('What it does.', 'a.py')
    add_config_arguments(made, 'configs/vitb.py')
    add_model_config_argument(made)
    add_launcher_arguments(made)
    add_trust_flag(made)
    return made


@pytest.fixture
def calls(monkeypatch):
    """Arguments of the calls of ``load_config``."""
    noted = []
    monkeypatch.setattr(mmwsss.config, 'load_config', lambda *args, **kwargs: noted.append((args, kwargs)))
    return noted


def test_config_of(parser, calls):
    words = ['a.py', '--cfg-options', 'root=/My Drive', 'x=[1, 2]', '--data', 'd.py', '--scale', 's.py']
    config_of(parser.parse_args([*words, '--cfg-options', 'y=001']))
    config_of(parser.parse_args(['b.py']))
    assert calls == [
        (('a.py', ['root=/My Drive', 'x=[1, 2]', 'y=001']), {'data': 'd.py', 'scale': 's.py'}),  # texts as they are
        (('b.py', None), {'data': None, 'scale': None}),
    ]


def test_model_config(parser, calls):
    assert model_config_of(parser.parse_args(['a.py'])) is None and not calls
    model_config_of(parser.parse_args(['a.py', '--model-config', 'm.py']))
    assert calls == [(('m.py',), {})]


def test_a_real_config(parser):
    words = ['configs/vitb.py', '--scale', 'small', '--cfg-options', 'img_size=64', 'train_cfg.max_epochs=5']
    cfg = config_of(parser.parse_args(words))
    assert cfg.img_size == 64 and cfg.train_cfg.max_epochs == 5
    assert cfg.embed_dims == 192  # of the scale's networks


def test_launchers(parser):
    from mmwsss.pseudo import LAUNCHERS as supported

    assert set(LAUNCHERS) == set(supported)
    assert parser.parse_args(['a.py', '--local-rank', '1']).launcher == 'none'


def test_trust(parser, monkeypatch):
    monkeypatch.delenv('MMWSSS_TRUST_CHECKPOINTS', raising=False)
    parser.parse_args(['a.py'])
    assert 'MMWSSS_TRUST_CHECKPOINTS' not in os.environ
    monkeypatch.setenv('MMWSSS_TRUST_CHECKPOINTS', '0')
    parser.parse_args(['a.py', '--trust-checkpoints'])
    assert os.environ['MMWSSS_TRUST_CHECKPOINTS'] == '1'
