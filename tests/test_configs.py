"""Every config of the project builds, at toy size, and its bases do what they say."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import toy_variables, write_masks
from mmengine.registry import MODELS, init_default_scope
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS

import mmwsss
from mmwsss.config import load_config, load_scale
from mmwsss.registry import TASK_UTILS, TRANSFORMS

CONFIGS = Path(mmwsss.__file__).parents[1] / 'configs'
TRAINING = sorted([*CONFIGS.glob('*.py'), *CONFIGS.glob('seg/*.py'), *CONFIGS.glob('affinity/*.py')])
PSEUDO = sorted(CONFIGS.glob('pseudo/*.py'))


def without_weights(value):
    if isinstance(value, dict):
        return {key: without_weights(inner) for key, inner in value.items() if key not in ('init_cfg', 'pretrained')}
    return value


@pytest.fixture
def without_numbers(monkeypatch):
    """Networks of full size in no time: their weights are not drawn."""
    for layer in (torch.nn.Linear, torch.nn.Conv2d):
        monkeypatch.setattr(layer, 'reset_parameters', lambda self: None)


@pytest.mark.usefixtures('without_numbers')
@pytest.mark.parametrize('scale', ['paper', 'small'])
@pytest.mark.parametrize('path', TRAINING, ids=lambda path: path.stem)
def test_training_config_builds(path, scale, toy):
    if scale == 'small' and load_scale('small').config(path) != path:
        pytest.skip('another config takes its place, which is built by itself')
    cfg = load_config(path, data=toy_variables(toy), scale=scale)
    for step in cfg.get('train_pipeline', []):
        if step.type == 'mmwsss.PasteObjects':
            step.pseudo_root = str(write_masks(toy, {'0.png': np.pad(np.ones((20, 20), np.uint8), 10)}, ['smoke']))
    assert 'mmwsss' in cfg.custom_imports['imports']
    assert cfg.default_scope in ('mmpretrain', 'mmseg')
    init_default_scope(cfg.default_scope)
    settings = without_weights(cfg.model.to_dict())
    if cfg.model.type == 'mmwsss.SAMFinetuner':
        settings['checkpoint'] = None
    model = MODELS.build(settings)
    assert sum(parameter.numel() for parameter in model.parameters()) > 0
    for step in cfg.get('train_pipeline', []):
        MMENGINE_TRANSFORMS.build(step)
    assert cfg.val_dataloader is None and cfg.val_cfg is None and cfg.val_evaluator is None


def test_the_papers_row_is_the_papers():
    cfg = load_config('configs/ts_vitb_r50_cos_global.py')
    assert (cfg.img_size, cfg.batch_size, cfg.epochs) == (512, 8, 3)
    assert cfg.optim_wrapper.optimizer.type == 'AdamW' and cfg.optim_wrapper.optimizer.lr == 1e-4
    assert cfg.model.student.backbone.init_cfg.checkpoint.endswith('jx_vit_base_p16_224-80ecf9dd.pth')
    assert cfg.model.teacher.backbone.init_cfg.checkpoint == 'torchvision://resnet50'
    assert list(cfg.model.teacher.backbone.strides) == [1, 2, 2, 1]
    assert cfg.model.teacher.head.map_channels == 'classes_and_extra'
    assert cfg.model.student_map == 'patch_tokens' and cfg.model.student.head.type == 'mmwsss.ClassTokenHead'
    assert cfg.model.neck.out_channels == 2 and cfg.model.kt_loss.loss_weight == 1.0
    control = load_config(cfg.control)
    assert control.model == cfg.model.student
    for key in ('train_dataloader', 'optim_wrapper', 'train_cfg', 'randomness'):
        assert control[key] == cfg[key]
    teacher = load_config(cfg.needs.teacher_checkpoint)
    assert teacher.train_cfg.max_epochs == 2 and teacher.model == cfg.model.teacher


@pytest.mark.parametrize('path', PSEUDO, ids=lambda path: path.stem)
def test_pseudo_config_builds(path):
    cfg = load_config(path)
    init_default_scope('mmpretrain')
    TASK_UTILS.build(cfg.pseudo.generator)
    steps = [step.to_dict() for step in [cfg.pseudo.fusion, cfg.pseudo.unrefined, *cfg.pseudo.refine]]
    assert steps[-1]['type'] == 'mmwsss.ThresholdMask'
    if cfg.pseudo.get('label_cuts'):
        steps[-1]['ignore_band'] = (0.2, 0.5)  # chosen by image labels when masks are made
    for step in steps:
        missing = step.get('checkpoint') or step.get('masks')
        if step['type'] == 'mmwsss.PositionPrior':
            assert step['file'] is None and cfg.pseudo.position_prior.dataset  # made when masks are made
        elif missing:
            with pytest.raises(FileNotFoundError, match=re.escape(str(missing))):  # names what is missing
                TRANSFORMS.build(step)
        else:
            TRANSFORMS.build(without_weights(step))
