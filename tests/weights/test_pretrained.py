"""A missing file of weights is named, with its origin and its place."""

import pytest
import torch

from mmwsss.weights.pretrained import require_weights, resolve_pretrained


def test_missing_file(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r'SAMRefine needs the weights .*sam_vit_h_4b8939\.pth, .* https://dl\.fba'
    ):
        require_weights(tmp_path / 'sam_vit_h_4b8939.pth', 'SAMRefine')
    with pytest.raises(FileNotFoundError, match=r'X needs the weights .*mine\.pth.*or name another file'):
        require_weights(tmp_path / 'mine.pth', 'X')
    (tmp_path / 'mine.pth').touch()
    assert require_weights(tmp_path / 'mine.pth', 'X') == tmp_path / 'mine.pth'


def test_addresses_become_files_where_they_lie(tmp_path):
    (tmp_path / 'net.pth').touch()
    (tmp_path / 'resnet50-0676ba61.pth').touch()
    (tmp_path / 'resnet50-11ad3fa6.pth').touch()
    model = {
        'backbone': {'init_cfg': {'type': 'Pretrained', 'checkpoint': 'https://example.org/a/net.pth'}},
        'neck': [{'init_cfg': [{'type': 'Pretrained', 'checkpoint': 'torchvision://resnet50'}]}],
        'pretrained': 'https://example.org/b/net.pth',
        'head': {'init_cfg': {'type': 'Normal'}, 'pretrained': None},
    }
    resolve_pretrained(model, 'test', tmp_path)
    assert model['backbone']['init_cfg']['checkpoint'] == model['pretrained'] == str(tmp_path / 'net.pth')
    assert model['neck'][0]['init_cfg'][0]['checkpoint'].startswith(str(tmp_path / 'resnet50-'))


def test_an_address_that_cannot_be_fetched_is_named(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError('no network')

    monkeypatch.setattr('mmengine.runner.checkpoint.CheckpointLoader.load_checkpoint', fail)
    model = {'init_cfg': {'type': 'Pretrained', 'checkpoint': 'https://example.org/a/net.pth'}}
    with pytest.raises(
        FileNotFoundError,
        match=r'vitb\.py needs the weights https://example.* \(no network\)\. Save the file as .*net\.pth',
    ):
        resolve_pretrained(model, 'vitb.py', tmp_path)
    with pytest.raises(FileNotFoundError, match=r'needs the weights gone\.pth'):
        resolve_pretrained({'init_cfg': {'type': 'Pretrained', 'checkpoint': 'gone.pth'}}, 'x')


def test_what_is_fetched_stays_an_address(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        'mmengine.runner.checkpoint.CheckpointLoader.load_checkpoint', lambda name, **kwargs: seen.append(name) or {}
    )
    model = {'init_cfg': {'type': 'Pretrained', 'checkpoint': 'https://example.org/a/net.pth'}}
    resolve_pretrained(model, 'x', tmp_path)
    assert seen == [model['init_cfg']['checkpoint']] == ['https://example.org/a/net.pth']


def test_a_frozen_teacher_needs_no_pretrained_backbone():
    pretrained = {'init_cfg': {'type': 'Pretrained', 'checkpoint': 'gone.pth'}}
    resolve_pretrained({'paradigm': 'ts', 'teacher': pretrained}, 'x')
    with pytest.raises(FileNotFoundError):
        resolve_pretrained({'paradigm': 'co', 'teacher': pretrained}, 'x')


def test_pretrained_weights_reach_the_network(toy, tmp_path, monkeypatch):
    """The paper's student starts from a file in ``weights/`` with the name of the address."""
    from mmengine.registry import MODELS, init_default_scope

    from mmwsss.config import load_config

    monkeypatch.chdir(tmp_path)
    cfg = load_config('configs/vits.py', {'img_size': 32})
    init_default_scope('mmpretrain')
    settings = cfg.model.to_dict()
    donor = dict(settings['backbone'], init_cfg=None)
    torch.manual_seed(3)
    source = MODELS.build(donor)
    (tmp_path / 'weights').mkdir()
    torch.save(source.state_dict(), tmp_path / 'weights' / 'deit_small_patch16_224-cd65a155.pth')
    resolve_pretrained(settings, 'vits.py')
    model = MODELS.build(settings)
    model.init_weights()
    state = model.backbone.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in source.state_dict().items())
