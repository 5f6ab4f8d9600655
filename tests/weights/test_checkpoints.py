"""Checkpoints from strangers: data is read, code is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SMALL, distiller_config, student_config, toy_data_file, toy_variables, write_toy
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader

import mmwsss
from mmwsss.apis import init_classifier, train
from mmwsss.config import load_config
from mmwsss.weights.checkpoints import UnsafeCheckpointError, read_checkpoint, weights_only
from mmwsss.weights.embedded_config import parse_config

ROOT = Path(mmwsss.__file__).parents[1]
TINY = {**SMALL, 'embed_dims': 32, 'num_layers': 1}


class Attack:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp('safe')
    write_toy(root)
    data = toy_variables(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('warnings.warn', lambda *args, **kwargs: None)
        train(student_config(TINY, data), root / 'run', quiet=True)
    return root / 'run/epoch_1.pth', data


@pytest.mark.parametrize('legacy', [False, True])
def test_code_is_refused_and_not_run(tmp_path, legacy):
    path = tmp_path / 'bad.pth'
    torch.save({'state_dict': {}, 'x': Attack(tmp_path / 'made')}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(UnsafeCheckpointError, match=r'bad\.pth holds more .*mkdir.*--trust-checkpoints'):
        read_checkpoint(path)
    assert not (tmp_path / 'made').exists()


@pytest.mark.filterwarnings('ignore')
def test_no_way_in_runs_code(tmp_path, trained):
    """As start of a network, as what a run goes on from, as teacher, to test, and through MMEngine itself."""
    _, data = trained
    path = tmp_path / 'run/epoch_1.pth'
    path.parent.mkdir()
    torch.save({'state_dict': {}, 'meta': {'x': Attack(tmp_path / 'made')}}, path)
    (path.parent / 'last_checkpoint').write_text(str(path))
    cases = [
        (student_config({**TINY, 'student_init': str(path)}, data), tmp_path / 'a', False),
        (student_config({**TINY, 'load_from': str(path)}, data), tmp_path / 'b', False),
        (student_config(TINY, data), path.parent, True),
        (
            distiller_config({**TINY, 'teacher_checkpoint': str(path)}, data),
            tmp_path / 'c',
            False,
        ),
    ]
    for cfg, folder, resume in cases:
        with pytest.raises(UnsafeCheckpointError, match='epoch_1.pth'):
            train(cfg, folder, resume=resume, quiet=True)
    with pytest.raises(UnsafeCheckpointError), weights_only():
        CheckpointLoader.load_checkpoint(str(path), logger='silent')  # falls back to unsafe loading elsewhere
    assert not (tmp_path / 'made').exists() and 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ


def test_those_who_trust_may(tmp_path, monkeypatch):
    path = tmp_path / 'mine.pth'
    torch.save({'state_dict': {}, 'x': Attack(tmp_path / 'made')}, path)
    monkeypatch.setenv('MMWSSS_TRUST_CHECKPOINTS', '1')
    monkeypatch.setattr('mmengine.runner.checkpoint.print_log', lambda *args, **kwargs: None)
    read_checkpoint(path)
    assert (tmp_path / 'made').exists()


def test_mmengine_files_are_data(tmp_path):
    content = {
        'state_dict': {'w': torch.ones(2)},
        'message_hub': {'log': HistoryBuffer([1.0, 2.0], [1, 1]), 'n': np.float32(3), 'a': np.arange(3)},
    }
    torch.save(content, tmp_path / 'ok.pth')
    loaded = read_checkpoint(tmp_path / 'ok.pth')
    assert loaded['message_hub']['log'].mean() == 1.5 and loaded['message_hub']['a'].tolist() == [0, 1, 2]


class Getattr:
    def __reduce__(self):
        return getattr, (HistoryBuffer, '__init__')


def test_getattr_is_for_log_buffers_alone(tmp_path):
    torch.save({'x': Getattr()}, tmp_path / 'sly.pth')
    with pytest.raises(UnsafeCheckpointError, match='__init__'):
        read_checkpoint(tmp_path / 'sly.pth')


@pytest.mark.filterwarnings('ignore')
def test_own_checkpoints_load_and_resume(trained, tmp_path):
    path, data = trained
    init_classifier(path)
    folder = shutil.copytree(path.parent, tmp_path / 'run')
    (folder / 'last_checkpoint').write_text(str(folder / path.name))
    runner = train(student_config({**TINY, 'epochs': 2}, data), folder, resume=True, quiet=True)
    assert runner.epoch == 2 and len(runner.message_hub.get_scalar('train/loss').data[0]) > 3


@pytest.mark.parametrize(
    ('text', 'named'),
    [
        ('import os\nmodel = dict(type="MapClassifier")', 'line 1'),
        ('model = dict(type="MapClassifier", x=open("made", "w"))', 'Call'),
        ('model = dict(type="subprocess.Popen", args=["touch", "made"])', 'subprocess.Popen'),
        ('model = dict(type="mmengine.load", file="x")', 'mmengine.load'),
    ],
)
def test_the_config_inside_is_read_and_not_run(text, named, trained, tmp_path, monkeypatch):
    content = read_checkpoint(trained[0])
    content['meta']['cfg'] = text
    torch.save(content, tmp_path / 'config.pth')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnsafeCheckpointError, match=rf'config inside the checkpoint .*config\.pth.*{named}'):
        init_classifier(tmp_path / 'config.pth')
    assert not (tmp_path / 'made').exists()


def test_parse_config_equals_what_was_dumped():
    cfg = load_config('configs/ts_vitb_r50_cos_global.py')
    assert parse_config(cfg.pretty_text).to_dict() == cfg.to_dict()


def test_the_flag(tmp_path):
    torch.save({'state_dict': {}, 'x': Attack(tmp_path / 'made')}, tmp_path / 'bad.pth')
    command = [sys.executable, 'tools/make_pseudo.py', 'configs/pseudo/gradcam_ms.py', str(tmp_path / 'bad.pth')]
    command += ['--out', str(tmp_path / 'out'), '--data', str(toy_data_file(write_toy(tmp_path / 'toy')))]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert refused.returncode == 2 and 'would run code' in refused.stderr and not (tmp_path / 'made').exists()
    trusting = [*command[:4], '--trust-checkpoints', *command[4:]]
    trusted = subprocess.run(trusting, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert trusted.returncode == 2 and 'carries none' in trusted.stderr and (tmp_path / 'made').exists()


def test_a_component_that_nobody_imported_is_named(trained, tmp_path):
    content = torch.load(trained[0], weights_only=False)
    content['meta']['cfg'] = content['meta']['cfg'].replace('mmwsss.MapClassifier', 'MyClassifier')
    torch.save(content, tmp_path / 'own.pth')
    with pytest.raises(KeyError, match=r'own\.pth, but nothing that is imported has MyClassifier.*--model-config'):
        init_classifier(tmp_path / 'own.pth')
