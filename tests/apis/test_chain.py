"""The whole chain at toy size: teacher, control, student, masks, segmentor, report; resumable and repeatable."""

import json
import shutil

import pytest
import torch
from conftest import toy_variables, write_toy
from PIL import Image

from mmwsss.apis import Pipeline, load_pipeline, train
from mmwsss.apis import test as run_test
from mmwsss.apis.training import prepare
from mmwsss.config.loading import load_config
from mmwsss.datasets.converters.scenes import export_scenes
from mmwsss.datasets.pictures import read_mask
from mmwsss.utils.files import read_json

NET = {'embed_dims': 32, 'num_layers': 1}
QUICK = {'img_size': 32, 'num_workers': 0, 'epochs': 1, 'batch_size': 4}


def toy_pipeline(root, work_dir, **more):
    maps = {'img_size': 32, 'scales': [1.0], 'size_divisor': 8, 'batch_size': 8}
    options = {'dataset_root': str(root), 'work_dir': str(work_dir), **more}
    cfg = load_pipeline('configs/pipelines/smoke5k.py', options)
    cfg.data.update(toy_variables(root, val=True, test=True))
    cfg.pretrain = None
    for name in ('teacher', 'control', 'student'):
        cfg[name].variables.update(QUICK)
        if name != 'teacher':
            cfg[name].variables.update(NET)
    cfg.student.variables.update(NET)
    cfg.teacher.variables.embed_dims = 32
    cfg.teacher.maps.variables.update(maps)
    cfg.pseudo.variables.update(maps)
    cfg.segmentor.variables.update(QUICK)
    return cfg


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp('toy')
    for split, number in (('train', 12), ('val', 6), ('test', 7)):
        write_toy(root, number, split=split)
    work_dir = root / 'work'
    lines = []
    summary = Pipeline(toy_pipeline(root, work_dir), lines.append).run()
    return root, work_dir, summary, lines


def test_every_stage_left_its_figures(finished):
    _, work_dir, summary, lines = finished
    assert json.loads((work_dir / 'summary.json').read_text()) == json.loads(json.dumps(summary))
    stages = summary['stages']
    assert list(stages) == ['teacher', 'control', 'student', 'pseudo', 'segmentor']
    for name in stages:
        assert {'iou_image', 'iou_dataset', 'miou', 'seconds'} <= set(stages[name]), name
    for name in ('teacher', 'control', 'student'):
        assert stages[name]['threshold_source'] == 'val masks'
        assert {'oracle', 'at_0.3', 'floor_all_foreground'} <= set(stages[name])
    assert stages['pseudo']['seed']['iou_dataset'] is not None and stages['pseudo']['test']['seed']
    assert {'iou_dataset', 'miou'} == set(stages['segmentor']['all_images'])
    assert {'pixels', 'images'} == set(stages['segmentor']['false_alarms'])
    assert 'NaN' not in (work_dir / 'summary.json').read_text()
    assert any(line.startswith('report: ') for line in lines)


def test_report_is_self_contained(finished):
    html = (finished[1] / 'report.html').read_text()
    assert 'src="http' not in html and html.count('data:image/jpeg;base64,') > 1  # one a picture
    words = ('teacher', 'control', 'student', 'refined mask (test images)', 'segmentor', '"worst"', '"best"', '<svg')
    for word in words:
        assert word in html, word


def test_second_call_redoes_nothing(finished):
    root, work_dir, summary, _ = finished
    stamps = {path: path.stat().st_mtime_ns for path in work_dir.rglob('*.pth')}
    lines = []
    again = Pipeline(toy_pipeline(root, work_dir), lines.append).run()
    assert again['stages'] == summary['stages']
    assert {path: path.stat().st_mtime_ns for path in work_dir.rglob('*.pth')} == stamps
    assert sum('(stands)' in line for line in lines) == 5


def test_other_settings_are_refused_and_a_stage_can_be_restarted(finished, tmp_path):
    root, work_dir, summary, _ = finished
    copy = tmp_path / 'copy'
    shutil.copytree(work_dir, copy)
    for path in (copy / 'stages').glob('*.json'):
        path.write_text(path.read_text().replace(str(work_dir), str(copy)))
    cfg = toy_pipeline(root, copy)
    cfg.segmentor.variables.epochs = 2
    with pytest.raises(ValueError, match='stage segmentor .* made by other settings.*--restart segmentor'):
        Pipeline(cfg, lambda line: None).run()
    lines = []
    Pipeline(cfg, lines.append).run(restart='segmentor')
    assert sum('(stands)' in line for line in lines) == 4
    assert (copy / 'segmentor.old1').is_dir() and (copy / 'segmentor' / 'epoch_2.pth').exists()
    with pytest.raises(ValueError, match="Expected a stage of .* but got 'nope'"):
        Pipeline(cfg, print).run(until='nope')


def test_student_checkpoint_has_no_teacher(finished):
    state = torch.load(finished[1] / 'student' / 'epoch_1.pth', weights_only=False)['state_dict']
    assert state and not any(name.startswith('teacher.') for name in state)


def test_a_folder_without_any_masks(tmp_path):
    root = write_toy(tmp_path / 'data', 9)
    shutil.rmtree(root / 'ann')
    names = {'dataset_root': str(root), 'images': 'img/train', 'labels': 'train.json', 'img_size': 32, 'epochs': 1}
    names['pretrain_on_scenes'] = False
    cfg = load_pipeline('configs/pipelines/folder.py', {**names, 'work_dir': str(tmp_path / 'work')})
    for name in ('teacher', 'student'):
        cfg[name].variables.update({'batch_size': 4, 'num_workers': 0})
    cfg.segmentor.variables.update({'batch_size': 4, 'num_workers': 0})
    summary = Pipeline(cfg, lambda line: None).run()
    assert summary['stages']['pseudo']['ok'] == 9
    assert summary['stages']['student']['threshold'] == 0.5
    assert 'iou_image' not in summary['stages']['segmentor']
    html = (tmp_path / 'work' / 'report.html').read_text()
    assert '"ground truth":' not in html and '"sample"' in html


def test_masks_that_the_configs_name_by_default_are_used(finished, tmp_path):
    """A pipeline config that only says where the data are leaves everything else to the data set's config."""
    root, work_dir, _, _ = finished
    standard = tmp_path / 'standard'
    for split in ('train', 'val', 'test'):
        shutil.copytree(root / 'img' / split, standard / 'img_dir' / split)
        shutil.copytree(root / 'ann' / split, standard / 'ann_dir' / split)
        (standard / 'annotations').mkdir(exist_ok=True)
        shutil.copy(root / f'{split}.json', standard / 'annotations')
    cfg = toy_pipeline(root, tmp_path / 'work')
    cfg.data = {'dataset_root': str(standard), 'train_masks': None}
    summary = Pipeline(cfg, lambda line: None).run(until='teacher')
    assert summary['stages']['teacher']['threshold_source'] == 'val masks'
    assert summary['stages']['teacher']['split'] == 'test'


def test_a_split_that_does_not_show_every_class(finished, tmp_path):
    """Classes are those of the training set; a CSV of another split may name fewer of them."""
    root = tmp_path / 'data'
    shutil.copytree(finished[0], root, ignore=shutil.ignore_patterns('work'))
    for split, names in (('train', ('fire', 'smoke')), ('val', ('smoke',)), ('test', ('smoke',))):
        items = json.loads((root / f'{split}.json').read_text())['data_list']
        rows = [f'{e["img_path"]},{names[i % len(names)] if e["gt_label"] else ""}' for i, e in enumerate(items)]
        (root / f'{split}.csv').write_text('\n'.join(['path,label', *rows]) + '\n')
        for path in (root / 'ann' / split).rglob('*.png'):  # smoke is class 1 after fire: pixel value 2
            Image.fromarray(read_mask(path) * 2).save(path)
    cfg = toy_pipeline(root, tmp_path / 'work')
    cfg.data.update({f'{split}_ann': f'{split}.csv' for split in ('train', 'val', 'test')})
    cfg.data.train_masks = None
    summary = Pipeline(cfg, lambda line: None).run()
    assert summary['classes'] == ['fire', 'smoke']
    assert set(summary['stages']['student']['per_class']) == {'background', 'fire', 'smoke'}
    assert 'iou_fire' in summary['stages']['segmentor'] and summary['stages']['pseudo']['test']['ok'] == 7


def test_pretraining_on_scenes_is_where_the_networks_start(finished, tmp_path):
    root = finished[0]
    cfg = toy_pipeline(root, tmp_path / 'work')
    start = {'work_dir': str(tmp_path / 'start'), 'scenes.numbers': {'train': 8, 'val': 4, 'test': 4}}
    start.update({f'{name}.variables.epochs': 1 for name in ('teacher', 'control')})
    start.update({f'{name}.variables.batch_size': 4 for name in ('teacher', 'control')})
    start.update({f'control.variables.{key}': value for key, value in NET.items()})
    start['teacher.variables.embed_dims'] = 32
    start.update({f'{name}.variables.img_size': 32 for name in ('teacher', 'control')})
    cfg.pretrain = {'config': 'configs/pipelines/pretrain.py', 'options': start}
    for name in ('teacher', 'control'):
        cfg[name].variables.lr = 0.0  # what it starts from is what it ends with
    Pipeline(cfg, lambda line: None).run(until='control')
    for name in ('teacher', 'control'):
        before, after = (
            torch.load(folder / name / 'epoch_1.pth', weights_only=False)['state_dict']
            for folder in (tmp_path / 'start', tmp_path / 'work')
        )
        weights = [key for key in before if key.endswith(('fc8.weight', 'fc.weight', 'conv1.weight'))]
        assert weights and all(torch.equal(before[key], after[key]) for key in weights)


def losses(work_dir):
    """Loss of every iteration in the log of a run, the last run winning."""
    found = {}
    for path in sorted(work_dir.glob('*/vis_data/*.json')):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if 'loss' in row:
                found[row['step']] = row['loss']
    return found


@pytest.mark.parametrize('name', ['vitmini', 'co_vitmini_r18_cos_global', 'seg'])
def test_resumed_loss_curve_is_the_uninterrupted_one(name, finished, tmp_path):
    root, work_dir, _, _ = finished

    def config():
        options = {**toy_variables(root), **QUICK, 'epochs': 4, 'seed': 3}
        if name == 'seg':
            path = 'configs/seg/segformer_mit-b0_pseudo-512x512.py'
            options.update(pseudo_root=str(work_dir / 'pseudo'), pretrained=False)
        else:
            path = f'configs/{name}.py'
            options.update(NET)
        cfg = load_config(path, options)
        cfg.default_hooks.logger.interval = 1
        return cfg

    train(config(), tmp_path / 'whole')
    cfg = config()

    class Stop(Exception):
        pass

    from mmengine.hooks import Hook
    from mmengine.registry import HOOKS

    @HOOKS.register_module(name='StopAfterTwo', force=True)
    class StopAfterTwo(Hook):
        priority = 'LOWEST'

        def before_train_epoch(self, runner):
            if runner.epoch == 2:
                raise Stop

    cfg.custom_hooks = [{'type': 'StopAfterTwo'}]
    with pytest.raises(Stop):
        train(cfg, tmp_path / 'parts')
    train(config(), tmp_path / 'parts', resume=True)
    whole, parts = losses(tmp_path / 'whole'), losses(tmp_path / 'parts')
    assert len(whole) == len(parts) >= 8
    assert parts == pytest.approx(whole, rel=1e-4)


def test_the_papers_row_runs_at_reduced_size_by_options_alone(toy, tmp_path):
    options = {**toy_variables(toy), 'img_size': 32, 'pretrained': False, 'num_train_images': 8, 'epochs': 1}
    options['num_workers'] = 0
    train(load_config('configs/r50_pcm.py', {**options, 'batch_size': 4}), tmp_path / 'r50')
    row = load_config(
        'configs/ts_vitb_r50_cos_global.py',
        {**options, 'teacher_checkpoint': str(tmp_path / 'r50' / 'epoch_1.pth')},
    )
    assert row.train_dataloader.batch_size == 8
    runner = train(row, tmp_path / 'ts')
    assert runner.iter == 1


def test_test_tool(finished):
    root, work_dir, summary, _ = finished
    result = read_json(work_dir / 'stages' / 'segmentor.json')
    cfg = load_config('configs/seg/segformer_mit-b0_pseudo-512x512.py', result['options'])
    figures = run_test(cfg, result['checkpoint'], work_dir / 'again')
    assert figures['iou_dataset'] == pytest.approx(summary['stages']['segmentor']['iou_dataset'])
    with pytest.raises(FileNotFoundError, match=r'Expected a checkpoint in nowhere\.pth'):
        run_test(cfg, 'nowhere.pth')


def test_mixed_precision_is_asked_of_a_gpu(monkeypatch):
    cfg = load_config('configs/vitb.py', {'pretrained': False})
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ValueError, match='Expected a GPU for --amp'):
        prepare(cfg, 'w', amp=True)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert prepare(cfg, 'w', amp=True).optim_wrapper.type == 'AmpOptimWrapper'
    cfg.optim_wrapper.type = 'OptimWrapperDict'
    with pytest.raises(ValueError, match='but the config has OptimWrapperDict'):
        prepare(cfg, 'w', amp=True)


def test_no_synchronised_batch_norm_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    seg = prepare(load_config('configs/seg/segformer_mit-b0_pseudo-512x512.py'), 'w')
    assert seg.model.decode_head.norm_cfg.type == 'BN'


def test_exported_scenes_are_a_data_set(tmp_path):
    from mmwsss.datasets import ImageLabelDataset, PlumeScenes
    from mmwsss.datasets.pictures import read_mask, read_picture

    export_scenes(tmp_path, {'train': 4, 'test': 3}, size=32, seed=5)
    prefix = {'img_path': 'img_dir/test', 'seg_map_path': 'ann_dir/test', 'context_path': 'context_dir/test'}
    dataset = ImageLabelDataset('annotations/test.csv', str(tmp_path), prefix, test_mode=True)
    scenes = PlumeScenes(3, 32, seed=6, chimney_given_smoke=0.5, chimney_given_clear=0.5, test_mode=True)
    for ours, made in zip(dataset, scenes):
        assert (read_picture(ours['img_path']) == made['img'][..., ::-1]).all()
        assert (read_mask(ours['seg_map_path']) == made['gt_seg_map']).all()
        assert (read_mask(ours['context_path']) == made['context_map']).all()
        assert ours['gt_label'].tolist() == made['gt_label'].tolist()
