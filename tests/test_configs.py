"""Every config of the project builds, at toy size, and its bases do what they say."""

import re
from pathlib import Path

import pytest
import torch
from conftest import toy_variables
from mmengine.registry import MODELS, init_default_scope
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS

import mmwsss
from mmwsss.config.loading import find_config, load_config
from mmwsss.registry import TASK_UTILS, TRANSFORMS

CONFIGS = Path(mmwsss.__file__).parents[1] / 'configs'
TRAINING = sorted([*CONFIGS.glob('*.py'), *CONFIGS.glob('seg/*.py'), *CONFIGS.glob('affinity/*.py')])
PSEUDO = sorted(CONFIGS.glob('pseudo/*.py'))
PIPELINES = sorted(CONFIGS.glob('pipelines/*.py'))


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
@pytest.mark.parametrize('path', TRAINING, ids=lambda path: path.stem)
def test_training_config_builds(path, toy):
    cfg = load_config(path, toy_variables(toy))
    assert 'mmwsss' in cfg.custom_imports['imports']
    assert cfg.default_scope in ('mmpretrain', 'mmseg')
    init_default_scope(cfg.default_scope)
    settings = without_weights(cfg.model.to_dict())
    if cfg.model.type.endswith('SAMFinetuner'):
        settings['checkpoint'] = None
    model = MODELS.build(settings)
    assert sum(parameter.numel() for parameter in model.parameters()) > 0
    for step in cfg.get('train_pipeline', []):
        MMENGINE_TRANSFORMS.build(step)
    assert cfg.val_dataloader is None and cfg.val_cfg is None and cfg.val_evaluator is None


def test_the_papers_row_is_the_papers():
    cfg = load_config('configs/ts_vitb_r50_cos_global.py')
    assert (cfg.img_size, cfg.batch_size, cfg.epochs) == (512, 8, 3)
    assert (
        cfg.optim_wrapper.optimizer.to_dict() | {'type': 'AdamW', 'lr': 1e-4} == cfg.optim_wrapper.optimizer.to_dict()
    )
    assert cfg.model.student.backbone.init_cfg.checkpoint.endswith('jx_vit_base_p16_224-80ecf9dd.pth')
    assert cfg.model.teacher.backbone.init_cfg.checkpoint == 'torchvision://resnet50'
    assert list(cfg.model.teacher.backbone.strides) == [1, 2, 2, 1]
    assert cfg.model.teacher.head.map_channels == 'classes_and_extra'
    assert cfg.model.neck.out_channels == 2 and cfg.model.kt_loss.loss_weight == 1.0
    control = load_config('configs/vitb.py')
    assert control.model == cfg.model.student
    for key in ('train_dataloader', 'optim_wrapper', 'train_cfg', 'randomness'):
        assert control[key] == cfg[key]
    assert load_config('configs/r50_pcm.py').train_cfg.max_epochs == 2
    assert load_config('configs/r50_pcm.py').model == cfg.model.teacher


@pytest.mark.parametrize('path', PSEUDO, ids=lambda path: path.stem)
def test_pseudo_config_builds(path):
    cfg = load_config(path)
    init_default_scope('mmpretrain')
    TASK_UTILS.build(cfg.pseudo.generator)
    steps = [step.to_dict() for step in [cfg.pseudo.fusion, cfg.pseudo.unrefined, *cfg.pseudo.refine]]
    assert steps[-1]['type'] == 'mmwsss.ThresholdMask'
    for step in steps:
        if any(name in path.stem for name in ('sam', 'clip', 'affinity')) and 'checkpoint' in step:
            with pytest.raises(FileNotFoundError, match=re.escape(str(step['checkpoint']))):  # names what is missing
                TRANSFORMS.build(step)
        else:
            TRANSFORMS.build(step)


@pytest.mark.parametrize('path', PIPELINES, ids=lambda path: path.stem)
def test_pipeline_config_names_variables_that_exist(path):
    cfg = load_config(path)
    for stage in ('teacher', 'control', 'student', 'pseudo', 'segmentor'):
        if cfg.get(stage):
            for part in (cfg[stage], cfg[stage].get('maps')):
                if part is not None:
                    load_config(part.config, {**cfg.data.to_dict(), **(part.get('variables') or {})})


def test_variables_reach_what_is_computed_from_them(toy):
    cfg = load_config('configs/ts_vitb_r50_cos_global.py', {'img_size': 64, 'num_classes': 3, 'dataset_root': str(toy)})
    assert cfg.train_dataloader.dataset.pipeline[1].scale == (64, 64)
    assert cfg.model.student.backbone.img_size == 64
    assert cfg.model.teacher.head.num_classes == cfg.model.student.head.num_classes == 3
    assert cfg.model.neck.out_channels == 4
    assert cfg.train_dataloader.dataset.data_root == str(toy)
    assert Path(cfg.filename).name == 'ts_vitb_r50_cos_global.py'


def test_keys_and_errors():
    cfg = load_config('configs/vitb.py', {'model.head.num_classes': 7, 'train_cfg.max_epochs': 9})
    assert cfg.model.head.num_classes == 7 and cfg.train_cfg.max_epochs == 9
    with pytest.raises(KeyError, match=r"Expected a variable or key of .*vitb\.py, but got 'imgsize'"):
        load_config('configs/vitb.py', {'imgsize': 3})
    with pytest.raises(FileNotFoundError, match=r'Expected a config configs/no\.py, but found none in'):
        find_config('configs/no.py')


def test_configs_are_found_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert find_config('configs/vitb.py').is_file()
    assert find_config('pseudo/gradcam_ms_crf.py').is_file()


def test_plain_mmengine_reads_our_configs():
    from mmengine.config import Config

    assert Config.fromfile(CONFIGS / 'vitb.py').model.type == 'mmwsss.MapClassifier'
