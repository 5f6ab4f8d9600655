"""A training whose log goes to a file says how far it is."""

import pytest
import torch
from conftest import SMALL, student_config, toy_variables
from mmengine.model import BaseModel
from mmengine.runner import Runner

import mmwsss
from mmwsss.engine.hooks import ProgressHook
from mmwsss.engine.hooks import progress as module


class Line(BaseModel):
    """One weight."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, mode):
        return {'loss': (self.weight - torch.stack(inputs)).square().mean()}


def runner(tmp_path, hook, epochs, **more):
    loader = {
        'dataset': [{'inputs': torch.ones(1)}] * 6,
        'batch_size': 2,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
    }
    made = Runner(
        Line(),
        str(tmp_path / 'teacher'),
        train_dataloader=loader,
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        default_hooks={'logger': None},
        log_level='ERROR',
        experiment_name=f'{tmp_path.name}{epochs}',
        **more,
    )
    made.register_hook(hook)
    return made


def test_lines_and_resume(tmp_path, capsys):
    runner(tmp_path, ProgressHook(every=0), 2).train()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(',')[0] for line in lines] == [
        *(f'training {tmp_path.name}/teacher: {step}/6' for step in range(1, 6)),
        f'training {tmp_path.name}/teacher: 6/6',
    ]
    assert all('s left' in line for line in lines[:-1])
    runner(tmp_path, ProgressHook('again', every=0), 3, resume=True).train()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(',')[0] for line in lines] == ['again: 7/9', 'again: 8/9', 'again: 9/9']


def test_only_the_first_process_speaks(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(module, 'is_main_process', lambda: False)
    runner(tmp_path, ProgressHook(every=0), 1).train()
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('quiet', [True, False])
def test_training_adds_it(toy, tmp_path, capsys, quiet):
    options = {**SMALL, 'embed_dims': 32, 'num_layers': 1}
    cfg = student_config(options, toy_variables(toy))
    made = mmwsss.train(cfg, tmp_path / 'student', quiet=quiet)
    assert any(isinstance(hook, ProgressHook) for hook in made.hooks) == quiet
    assert (f'training {tmp_path.name}/student: 3/3' in capsys.readouterr().err) == quiet
