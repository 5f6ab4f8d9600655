"""A config for each idea takes its steps and makes masks: what tests/test_configs.py only builds."""

import json

import pytest
import torch
from conftest import toy_variables
from mmengine.registry import MODELS, init_default_scope

from mmwsss.apis import make_pseudo, train
from mmwsss.apis.prediction import predict
from mmwsss.config import load_config

SMALL = {'img_size': 32, 'batch_size': 4, 'num_workers': 0, 'epochs': 1, 'pretrained': False}
MAPS = {'img_size': 32, 'scales': [1.0], 'num_workers': 0, 'workers': 0, 'batch_size': 4}
TINY_VIT = {'embed_dim': 24, 'depth': 2, 'num_heads': 2}
CLASSIFIERS = {
    'frozen_lite0': ({}, 'gradcam_ms', {'method': 'cam'}),
    'frozen_lite0_pcm': ({}, 'pcm_ms', {}),
    'frozen_vit': ({'img_size': 28, 'vit_channels': 24}, 'gradcam_ms', {'method': 'cam', 'img_size': 28}),
}
ONE_STAGE = {
    **{f'one_stage_lite0{name}': {} for name in ('', '_vit', '_cross', '_pairs', '_composites')},
    'one_stage_vit': {'vit_channels': 24},
    'one_stage_vit, all of it learns': {'vit_channels': 24, 'frozen': False},
}


def masks_of(out):
    rows = [json.loads(line) for line in (out / 'manifest.jsonl').read_text().splitlines()]
    assert [row['status'] for row in rows] == ['ok'] * 12
    return rows


@pytest.fixture
def data(toy):
    return {**toy_variables(toy), 'negative_classes': ['no_smoke']}


def saved(cfg, path):
    """An untrained classifier, as a runner saves it."""
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    meta = {'cfg': cfg.pretty_text, 'dataset_meta': {'classes': ('smoke',)}}
    torch.save({'state_dict': MODELS.build(cfg.model).state_dict(), 'meta': meta}, path)
    return str(path)


@pytest.fixture(scope='module')
def classifier(tmp_path_factory):
    """A classifier's checkpoint whose maps the refiners take."""
    cfg = load_config('configs/frozen_lite0.py', {**SMALL, 'frozen': False})
    return saved(cfg, tmp_path_factory.mktemp('weights') / 'net.pth')


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('name', CLASSIFIERS)
def test_frozen_features_train_and_make_masks(name, data, tmp_path):
    more, maps, options = CLASSIFIERS[name]
    kept = tmp_path / 'features'
    cfg = load_config(f'configs/{name}.py', {**SMALL, 'kept_features': str(kept), **more}, data=data)
    if name == 'frozen_vit':
        cfg.model.backbone.backbone.update(TINY_VIT)
    train(cfg, tmp_path / 'work')
    assert any(kept.rglob('*.npz'))
    cfg = load_config(f'configs/pseudo/{maps}.py', {**MAPS, **options}, data=data)
    make_pseudo(cfg, tmp_path / 'work' / 'epoch_1.pth', tmp_path / 'out')
    masks_of(tmp_path / 'out')


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('student_map', ['class_maps', 'patch_tokens'])
def test_a_teacher_guides_a_head_on_kept_features(student_map, data, tmp_path):
    teacher = load_config('configs/r50_pcm.py', {**SMALL, 'teacher_maps': 'classes'}, data=data, scale='small')
    options = {
        **SMALL, 'epochs': 2, 'kept_features': str(tmp_path / 'features'), 'student_map': student_map,
        'teacher_checkpoint': saved(teacher, tmp_path / 'teacher.pth'),
    }  # fmt: skip
    cfg = load_config('configs/frozen_lite0_distilled.py', options, data=data)
    cfg.default_hooks.checkpoint.max_keep_ckpts = 2
    runner = train(cfg, tmp_path / 'work')
    kept = runner.model.student.backbone
    assert kept.hits >= 12 and kept.misses == 12 and len(runner.model.teacher_cache) == 12  # once an image
    assert {'train/loss_bce', 'train/loss_kt'} <= set(runner.message_hub.log_scalars)
    first, last = (torch.load(tmp_path / f'work/epoch_{n}.pth', weights_only=False)['state_dict'] for n in (1, 2))
    learned = {key.split('.')[0] + '.' + key.split('.')[1] for key in last if not torch.equal(first[key], last[key])}
    expected = {'student.head'} | ({'neck.proj'} if student_map == 'patch_tokens' else set())
    assert {key for key in learned if not key.startswith('data_')} == expected, learned
    maps = load_config('configs/pseudo/gradcam_ms.py', {**MAPS, 'method': 'cam'}, data=data)
    make_pseudo(maps, tmp_path / 'work' / 'epoch_2.pth', tmp_path / 'out')
    masks_of(tmp_path / 'out')


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('name', ONE_STAGE)
def test_one_stage_trains_and_makes_masks(name, data, tmp_path):
    options = {**SMALL, 'img_size': 64, 'steps_per_epoch': 2, 'warm_up_share': 0.0, **ONE_STAGE[name]}
    name, _, learns = name.partition(', ')
    if name == 'one_stage_lite0_cross':
        teacher = load_config('configs/r50_pcm.py', {**SMALL, 'teacher_maps': 'classes'}, data=data, scale='small')
        options['teacher_checkpoint'] = saved(teacher, tmp_path / 'teacher.pth')
    cfg = load_config(f'configs/seg/{name}.py', options, data=data)
    if name == 'one_stage_vit':
        (cfg.model.backbone if learns else cfg.model.backbone.backbone).update(TINY_VIT)
    runner = train(cfg, tmp_path / 'work')
    scalars = runner.message_hub.log_scalars
    losses = {key for key in scalars if 'loss' in key}
    assert {'train/decode.loss_ce', 'train/loss'} <= losses, losses
    assert name != 'one_stage_lite0_cross' or any('kt' in key for key in losses), losses
    assert name != 'one_stage_lite0_pairs' or any('affinity' in key or 'activation' in key for key in losses), losses
    options = {'img_size': 64, 'num_workers': 0, 'workers': 0, 'cut_posteriors': None}
    cfg = load_config('configs/pseudo/segmentor.py', options, data=data)
    make_pseudo(cfg, tmp_path / 'work' / 'epoch_1.pth', tmp_path / 'out')
    masks_of(tmp_path / 'out')


@pytest.mark.filterwarnings('ignore')
def test_a_foundation_model_is_the_student(data, tmp_path):
    teacher = load_config('configs/r50_pcm.py', SMALL, data=data, scale='small')
    options = {**SMALL, 'vit_channels': 24, 'teacher_checkpoint': saved(teacher, tmp_path / 'teacher.pth')}
    cfg = load_config('configs/ts_vitb_dinov3_r50_cos_global.py', options, data=data, scale='small')
    cfg.model.student.backbone.update(TINY_VIT)
    control = load_config(cfg.control, {**SMALL, 'vit_channels': 24}, data=data, scale='small')
    control.model.backbone.update(TINY_VIT)
    assert control.model == cfg.model.student
    runner = train(cfg, tmp_path / 'work')
    assert {'train/loss_bce', 'train/loss_kt'} <= set(runner.message_hub.log_scalars)
    maps = load_config('configs/pseudo/gradcam_ms.py', {**MAPS, 'target_layers': [-1]}, data=data)
    make_pseudo(maps, tmp_path / 'work' / 'epoch_1.pth', tmp_path / 'out')
    masks_of(tmp_path / 'out')


@pytest.mark.filterwarnings('ignore')
def test_a_foundation_model_is_the_teacher(data, tmp_path):
    options = {**SMALL, 'img_size': 112, 'vit_channels': 24}
    name = load_config('configs/ts_lite0_vit_cos_global.py', options, data=data).vit_name
    teacher = load_config('configs/frozen_vit.py', {**options, 'kept_features': None, 'vit_name': name}, data=data)
    teacher.model.backbone.backbone.update(TINY_VIT)
    options['teacher_checkpoint'] = saved(teacher, tmp_path / 'teacher.pth')
    cfg = load_config('configs/ts_lite0_vit_cos_global.py', options, data=data)
    cfg.model.teacher.backbone.backbone.update(TINY_VIT)
    control = load_config(cfg.control, {**SMALL, 'img_size': 112, 'frozen': False}, data=data)
    assert control.model == cfg.model.student
    runner = train(cfg, tmp_path / 'work')
    assert {'train/loss_bce', 'train/loss_kt'} <= set(runner.message_hub.log_scalars)
    before = torch.load(tmp_path / 'teacher.pth', weights_only=False)['state_dict']
    after = runner.model.teacher.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items() if name in after)
    maps = load_config('configs/pseudo/gradcam_ms.py', {**MAPS, 'img_size': 112, 'method': 'cam'}, data=data)
    make_pseudo(maps, tmp_path / 'work' / 'epoch_1.pth', tmp_path / 'out')
    masks_of(tmp_path / 'out')


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('frozen', [True, False])
def test_a_vision_transformer_of_timm_encodes_for_a_segmentor(frozen, classifier, data, tmp_path):
    cfg = load_config('configs/pseudo/gradcam_ms.py', {**MAPS, 'method': 'cam'}, data=data)
    make_pseudo(cfg, classifier, tmp_path / 'pseudo')
    options = {
        **SMALL, 'img_size': 64, 'steps_per_epoch': 2, 'pseudo_root': str(tmp_path / 'pseudo'), 'frozen': frozen,
        'vit_channels': 24, 'vit_blocks': [0, 1],
    }  # fmt: skip
    cfg = load_config('configs/seg/vit_pseudo.py', options, data=data)
    (cfg.model.backbone.backbone if frozen else cfg.model.backbone).update(TINY_VIT)
    runner = train(cfg, tmp_path / 'work')
    assert all(parameter.requires_grad != frozen for parameter in runner.model.backbone.parameters())
    for path in sorted((tmp_path / 'work').glob('epoch_*.pth')):
        predict(path, data['dataset_root'] + '/img/train', tmp_path / 'out', kinds=(), device='cpu')
    assert len(masks_of(tmp_path / 'out')) == 12


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(
    'name',
    [
        'gradcam_ms_features',
        'gradcam_ms_features_par',
        'gradcam_ms_features_vit',
        'gradcam_ms_par',
        'gradcam_tiles',
    ],
)
def test_refiners_and_tiles_make_masks(name, classifier, data, tmp_path):
    options = MAPS
    if name == 'gradcam_tiles':
        options = {'scales': [1.0], 'num_workers': 0, 'workers': 0, 'tile_size': 32}
    cfg = load_config(f'configs/pseudo/{name}.py', {**options, 'target_layers': [-1]}, data=data)
    for step in cfg.pseudo.refine:
        if step.type == 'mmwsss.FeatureAffinityRefine':
            step.backbone.pop('init_cfg')
            step.max_side = 56
            if 'vit' in name:
                step.backbone.update(TINY_VIT)
    make_pseudo(cfg, classifier, tmp_path / 'out')
    masks_of(tmp_path / 'out')
