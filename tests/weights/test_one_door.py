"""Nothing but ``mmwsss.weights`` reads weights from files, and through no entry does a stranger's file run code."""

import ast
import os
from pathlib import Path

import pytest
import torch
from conftest import SMALL, TOY_CLIP, TOY_SAM, distiller_config, student_config, toy_variables, write_toy

import mmwsss
from mmwsss.apis import init_classifier, make_pseudo, train
from mmwsss.apis import test as run_test
from mmwsss.apis.inference import init_segmentor
from mmwsss.config import load_config
from mmwsss.registry import MODELS, TRANSFORMS
from mmwsss.weights.checkpoints import UnsafeCheckpointError, read_checkpoint, weights_only
from mmwsss.weights.trust import trusted, trusting

ROOT = Path(mmwsss.__file__).parents[1]
DOOR = ROOT / 'mmwsss' / 'weights'
LOADERS = {
    'load_state_dict_from_url', 'load_checkpoint', 'load_from_checkpoint', 'init_model', 'load_file', 'load_url',
    '_load_checkpoint', '_load_checkpoint_with_prefix', 'CheckpointLoader', 'load_state_dict_from_hf',
}  # fmt: skip
OF_TORCH = {'torch.load', 'torch.jit.load', 'torch.hub.load', 'pickle.load', 'pickle.loads', 'joblib.load', 'dill.load'}


def ways_to_load(source: str) -> list[str]:
    """What a module does that reads weights from files, by line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            pretrained = [keyword.value for keyword in node.keywords if keyword.arg == 'pretrained']
            if name.split('.')[-1].startswith('create_model') and any(
                not (isinstance(value, ast.Constant) and value.value in (None, False, '')) for value in pretrained
            ):
                names = [name]
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            names = [name] if name in OF_TORCH or node.attr in LOADERS else []
        elif isinstance(node, ast.ImportFrom):
            imported = [alias.name for alias in node.names]
            names = [name for name in imported if name in LOADERS or f'{node.module}.{name}' in OF_TORCH]
        elif isinstance(node, ast.Name) and node.id in LOADERS:
            names = [node.id]
        found += [f'{node.lineno}: {name}' for name in names]
    return found


@pytest.mark.parametrize(
    'source',
    [
        'x = torch.load(path)',
        'from torch import load',
        'from torch.hub import load_state_dict_from_url',
        'from mmengine.runner import CheckpointLoader',
        'mmengine.runner.load_checkpoint(model, path)',
        'from mmseg.apis import init_model',
        'open_clip.create_model(arch, pretrained=tag)',
        'timm.create_model(name, pretrained=True)',
        'torch.jit.load(path)',
    ],
)
def test_the_scan_sees_every_way(source):
    assert ways_to_load(source)


def test_nothing_else_loads():
    assert not ways_to_load('timm.create_model(name, pretrained=False)\nmodel.load_state_dict(state)\njson.load(f)')
    files = [*(ROOT / 'mmwsss').rglob('*.py'), *(ROOT / 'tools').rglob('*.py')]
    assert len(files) > 100
    found = {str(path.relative_to(ROOT)): ways_to_load(path.read_text()) for path in files if DOOR not in path.parents}
    assert not {path: ways for path, ways in found.items() if ways}
    assert any(ways_to_load(path.read_text()) for path in DOOR.glob('*.py'))


class Attack:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


NET = {**SMALL, 'embed_dims': 32, 'num_layers': 1}


@pytest.fixture
def bad(tmp_path):
    """A file that makes a folder when it is loaded carelessly."""
    path = tmp_path / 'run' / 'epoch_1.pth'
    path.parent.mkdir()
    torch.save({'state_dict': {}, 'meta': {'x': Attack(tmp_path / 'made')}}, path)
    (path.parent / 'last_checkpoint').write_text(str(path))
    return path


def _train(data, path, options=None, resume=False, config=student_config):
    folder = path.parent if resume else path.parent.parent / 'other'
    train(config({**NET, **(options or {})}, data), folder, resume=resume, quiet=True)


def _clip(path):
    import json

    import open_clip

    (path.parent / 'toy-attack.json').write_text(json.dumps(TOY_CLIP))
    open_clip.add_model_config(path.parent)
    TRANSFORMS.build({
        'type': 'mmwsss.CLIPRefine', 'positive_prompts': [['smoke']], 'negative_prompts': ['sky'],
        'arch': 'toy-attack', 'checkpoint': str(path),
    })  # fmt: skip


def _segmentor_test(data, path):
    options = {**SMALL, 'pretrained': False}
    cfg = load_config('configs/seg/segformer_mit-b0_pseudo-512x512.py', options, data=data)
    run_test(cfg, path, path.parent / 'test', quiet=True)


ENTRIES = {
    'load_from': lambda data, path: _train(data, path, {'load_from': str(path)}),
    'resume': lambda data, path: _train(data, path, resume=True),
    'pretrained': lambda data, path: _train(data, path, {'student_init': str(path)}),
    'teacher': lambda data, path: _train(
        data, path, {'teacher_checkpoint': str(path)}, config=distiller_config
    ),
    'timm': lambda data, path: MODELS.build({
        'type': 'mmwsss.TimmFeatures', 'name': 'resnet10t', 'out_indices': (1,),
        'init_cfg': {'type': 'Pretrained', 'checkpoint': str(path)},
    }).init_weights(),
    'sam': lambda data, path: MODELS.build({
        'type': 'mmwsss.SAMFinetuner', 'num_classes': 1, 'arch': TOY_SAM, 'checkpoint': str(path)
    }),
    'clip': lambda data, path: _clip(path),
    'affinity': lambda data, path: TRANSFORMS.build({'type': 'mmwsss.AffinityRefine', 'checkpoint': str(path)}),
    'test': _segmentor_test,
    'classifier': lambda data, path: init_classifier(path),
    'segmentor': lambda data, path: init_segmentor(
        load_config('configs/seg/segformer_mit-b0_pseudo-512x512.py', {**SMALL, 'pretrained': False}), path
    ),
    'make_pseudo': lambda data, path: make_pseudo(
        load_config('configs/pseudo/gradcam_ms.py', {'img_size': 32}, data=data), path, path.parent / 'masks'
    ),
}  # fmt: skip


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('entry', ENTRIES)
def test_no_entry_runs_code(entry, bad, tmp_path):
    write_toy(tmp_path / 'toy', split='train')
    write_toy(tmp_path / 'toy', split='test')
    data = {**toy_variables(tmp_path / 'toy', test=True), 'group_file': None}
    with pytest.raises(UnsafeCheckpointError, match='holds more than weights and would run code'):
        ENTRIES[entry](data, bad)
    assert not (tmp_path / 'made').exists() and 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ


def test_the_attack_is_one(bad, tmp_path):
    torch.load(bad, weights_only=False)
    assert (tmp_path / 'made').exists()


def test_trust_is_an_argument(bad, tmp_path, monkeypatch):
    monkeypatch.setattr('mmengine.runner.checkpoint.print_log', lambda *args, **kwargs: None)
    with pytest.raises(ValueError, match='carries none'):
        init_classifier(bad, trust=True)
    assert (tmp_path / 'made').exists()
    (tmp_path / 'made').rmdir()
    monkeypatch.setenv('MMWSSS_TRUST_CHECKPOINTS', '1')
    with pytest.raises(UnsafeCheckpointError):  # the caller's word outdoes the environment's
        read_checkpoint(bad, trust=False)
    with trusting(False), pytest.raises(UnsafeCheckpointError):
        read_checkpoint(bad)
    assert not (tmp_path / 'made').exists()


def test_trust_of_a_block():
    assert not trusted() and trusted(True)
    with weights_only(trust=True):
        assert trusted() and 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ
        with weights_only(trust=False):
            assert not trusted() and os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] == '1'
        assert trusted()
    assert not trusted()
