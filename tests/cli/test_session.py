"""What ends a tool with one line, and what keeps its traceback; which noise is left out."""

import logging
import subprocess
import sys
import warnings

import pytest
from mmengine import logging as host_logging
from torch.utils.data import DataLoader

from mmwsss.cli import host_noise
from mmwsss.cli.session import message_of, tool_session
from mmwsss.utils.errors import InputError, UnknownNameError


@pytest.fixture(autouse=True)
def _unchanged_host(monkeypatch):
    monkeypatch.setattr(host_logging, 'print_log', host_logging.print_log)
    monkeypatch.setattr(host_logging.logger, 'print_log', host_logging.logger.print_log)
    with warnings.catch_warnings():
        yield


def test_user_error_is_one_line(capsys):
    with pytest.raises(SystemExit) as end, tool_session():
        raise UnknownNameError("Expected a variable, but got 'x'.")
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: Expected a variable, but got 'x'.\n"


@pytest.mark.parametrize('kind', [ValueError, KeyError, FileNotFoundError, ImportError, RuntimeError])
def test_other_errors_keep_their_traceback(kind):
    with pytest.raises(kind, match='inside a host'), tool_session():
        raise kind('inside a host')


def test_whole_traceback_on_request(monkeypatch):
    monkeypatch.setenv('MMWSSS_TRACEBACK', '1')
    with pytest.raises(InputError), tool_session():
        raise InputError('Expected that.')


class Spoilt:
    """A data set with a bad entry."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise InputError('Expected a picture in a.jpg: it is empty.')


def test_error_of_a_loading_process(capsys):
    with pytest.raises(SystemExit), tool_session():
        list(DataLoader(Spoilt(), num_workers=1))
    assert capsys.readouterr().err == 'error: Expected a picture in a.jpg: it is empty.\n'
    assert message_of(InputError('Caught in a net:\nreally')) == 'Caught in a net:\nreally'


def test_noise_of_hosts_only(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'warnoptions', [])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        host_noise.quiet_hosts()
        warnings.warn('Fail to import ``MultiScaleDeformableAttention`` from ``mmcv.ops`` ...', stacklevel=1)
        warnings.warn('Importing from timm.models.layers is deprecated, please ...', FutureWarning, stacklevel=1)
        warnings.warn('dataset_meta or class names are not saved in the checkpoint', stacklevel=1)
        warnings.warn('the learning rate is nonsense', stacklevel=1)
    assert [str(entry.message)[:12] for entry in seen] == ['dataset_meta', 'the learning']
    host_logging.print_log('Could not import OneDL', level=logging.DEBUG)
    host_logging.print_log('teacher.head.fc8.bias is skipped since its requires_grad=False')
    host_logging.print_log('backbone.backbone.network.conv_stem.weight is skipped since its requires_grad=False')
    host_logging.print_log('backbone.conv1.weight is skipped since its requires_grad=False')
    host_logging.logger.print_log('"FileClient" will be deprecated in future.')
    assert capsys.readouterr().out == 'backbone.conv1.weight is skipped since its requires_grad=False\n'
    host_noise.quiet_hosts()  # a second time is no second filter
    assert host_logging.print_log is host_logging.logger.print_log


def test_the_users_own_filters_win(monkeypatch):
    monkeypatch.setattr(sys, 'warnoptions', ['always'])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        host_noise.quiet_hosts()
        warnings.warn('Fail to import ``MultiScaleDeformableAttention`` from ...', stacklevel=1)
    assert len(seen) == 1


def test_lines_come_in_order_in_a_log(tmp_path):
    code = (
        'import sys\nfrom mmwsss.cli.session import tool_session\n'
        'with tool_session():\n    print("first")\n    print("second", file=sys.stderr, flush=True)\n'
        '    print("third")\n'
    )
    with open(tmp_path / 'log', 'w') as log:
        subprocess.run([sys.executable, '-c', code], stdout=log, stderr=log, check=True, timeout=60)
    assert (tmp_path / 'log').read_text().split() == ['first', 'second', 'third']
