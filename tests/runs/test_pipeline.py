"""A pipeline at toy size: teacher, control, student, masks, segmentor, report; resumable and repeatable."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import toy_variables, write_toy
from mmengine.config import Config
from PIL import Image

from mmwsss.apis import test as run_test
from mmwsss.apis import train
from mmwsss.apis.training import prepare
from mmwsss.config import load_config
from mmwsss.datasets.converters.scenes import export_scenes
from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.datasets.pictures import read_mask
from mmwsss.evaluation.difference import counts_by_image, paired_difference
from mmwsss.runs import Pipeline, StaleRunError, load_pipeline

NET = {'embed_dims': 32, 'num_layers': 1}
MAPS = {'img_size': 32, 'scales': [1.0], 'size_divisor': 8, 'batch_size': 8}
QUICK = {'img_size': 32, 'num_workers': 0, 'epochs': 1, 'batch_size': 4}


def toy_pipeline(root, work_dir, **more):
    cfg = load_pipeline('configs/pipelines/smoke5k.py', {'dataset_root': str(root), 'work_dir': str(work_dir), **more})
    cfg.data_options.update(toy_variables(root, val=True, test=True))
    cfg.include = {}
    shrink(cfg)
    return cfg


def shrink(cfg, net=NET, maps=MAPS):
    """Toy size; from nothing."""
    for name, entry in cfg.runs.items():
        if entry.get('maps'):
            entry.maps.options.update(maps)
        if 'masks' in entry:
            entry.options.update(QUICK)
        elif 'of' in entry:
            entry.options.update(maps)
        else:
            entry.options.update({**QUICK, **(net if name != 'teacher' else {})})
            entry['inputs'] = {k: v for k, v in (entry.get('inputs') or {}).items() if k == 'teacher_checkpoint'}


EVALUATED = ('control_maps', 'student_maps')


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
    assert stages['pseudo']['unrefined']['iou_dataset'] is not None and stages['pseudo']['test']['unrefined']
    assert {'iou_dataset', 'miou'} == set(stages['segmentor']['all_images'])
    assert {'pixels', 'images', 'large_images'} == set(stages['segmentor']['false_alarms'])
    assert 'NaN' not in (work_dir / 'summary.json').read_text()
    assert any(line.startswith('report: ') for line in lines)


def test_counts_of_each_test_image_are_kept_and_compared(finished):
    root, work_dir, summary, _ = finished
    first, second = (counts_by_image(json.loads((work_dir / name / 'images.json').read_text())) for name in EVALUATED)
    found = paired_difference([first], [second], {name: name for name in first}, 1)
    assert found.first == pytest.approx(summary['stages']['control']['iou_dataset'])
    assert found.second == pytest.approx(summary['stages']['student']['iou_dataset'])
    tool = ['tools/analysis_tools/difference.py']
    runs = [str(work_dir / name) for name in EVALUATED]
    done = subprocess.run(
        [sys.executable, *tool, '--first', runs[0], '--second', runs[1]],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.stdout == f'{found.sentence()}\n', done.stderr
    command = [sys.executable, *tool, '--first', runs[0], '--second', str(work_dir / 'pseudo')]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 2 and 'error: Expected test_images.json or images.json in' in done.stderr


def test_report_is_self_contained(finished):
    html = (finished[1] / 'report.html').read_text()
    assert 'src="http' not in html and html.count('data:image/jpeg;base64,') > 1  # one a picture
    words = ('teacher', 'control', 'student', 'refined mask (test images)', 'segmentor', '"worst"', '"best"', '<svg')
    for word in words:
        assert word in html, word
    confusion = json.loads((finished[1] / 'segmentor_test' / 'confusion.json').read_text())
    assert f'Confusion of the segmentor on {confusion["images"]} test images' in html
    counts = np.array(confusion['matrix'])  # the same pixels as the figures'
    iou = counts[1, 1] / (counts[1].sum() + counts[:, 1].sum() - counts[1, 1])
    assert iou == pytest.approx(finished[2]['stages']['segmentor']['all_images']['iou_dataset'])


def test_second_call_redoes_nothing(finished):
    root, work_dir, summary, _ = finished
    stamps = {path: path.stat().st_mtime_ns for path in work_dir.rglob('*.pth')}
    lines = []
    again = Pipeline(toy_pipeline(root, work_dir), lines.append).run()
    assert again['stages'] == summary['stages']
    assert {path: path.stat().st_mtime_ns for path in work_dir.rglob('*.pth')} == stamps
    assert sum('(stands)' in line for line in lines) == len(Pipeline(toy_pipeline(root, work_dir)).runs) == 10


def test_other_settings_are_refused_and_a_run_can_be_restarted(finished, tmp_path):
    root, work_dir, summary, _ = finished
    copy = tmp_path / 'copy'
    shutil.copytree(work_dir, copy)  # moved results stand
    cfg = toy_pipeline(root, copy)
    cfg.runs.segmentor.options.epochs = 2
    with pytest.raises(StaleRunError, match='segmentor was made by other settings.*--restart segmentor'):
        Pipeline(cfg, lambda line: None).run()
    lines = []
    Pipeline(cfg, lines.append).run(restart='segmentor')
    assert sum('(stands)' in line for line in lines) == 8
    assert (copy / 'segmentor.old1').is_dir() and (copy / 'segmentor' / 'epoch_2.pth').exists()
    with pytest.raises(ValueError, match="Expected a run of .* but got 'nope'"):
        Pipeline(cfg, print).run(until='nope')


def test_plan_and_wrong_entries(finished, tmp_path):
    root, work_dir, _, _ = finished
    plan = Pipeline(toy_pipeline(root, work_dir)).plan()
    assert '10 of 10 runs stand' in plan and 'student_maps' in plan
    plan = Pipeline(toy_pipeline(root, tmp_path / 'new')).plan()
    assert '0 of 10 runs stand' in plan and not (tmp_path / 'new').exists()
    cfg = toy_pipeline(root, tmp_path / 'new')
    cfg.runs.student.inputs.teacher_checkpoint = 'techer'
    with pytest.raises(ValueError, match=r"Expected a run of \['teacher', .*defined above it, but got 'techer'"):
        Pipeline(cfg)
    cfg = toy_pipeline(root, tmp_path / 'new')
    cfg.runs.pseudo.config = 'configs/data/voc12.py'
    with pytest.raises(ValueError, match=r"for pseudo, but configs/data/voc12\.py is of kind 'data'"):
        Pipeline(cfg)
    with pytest.raises(ValueError, match="Expected a config of kind 'pipeline', but configs/vitb.py is of kind"):
        load_pipeline('configs/vitb.py')
    with pytest.raises(ValueError, match='Expected inputs for what configs/ts_vitb_r50_cos_global.py needs'):
        cfg = toy_pipeline(root, tmp_path / 'new')
        cfg.runs.student.inputs = {}
        Pipeline(cfg)


def test_everything_is_looked_at_before_the_first_training(finished, tmp_path):
    root = finished[0]
    copy = tmp_path / 'data'
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns('work'))
    (copy / 'test.json').write_text('{}')
    with pytest.raises(ValueError, match='test.json'):
        Pipeline(toy_pipeline(copy, tmp_path / 'new'), lambda line: None).run()
    assert not list(tmp_path.glob('new/**/*.pth'))
    with pytest.raises(FileNotFoundError, match='nowhere'):
        Pipeline(toy_pipeline(tmp_path / 'nowhere', tmp_path / 'new'))


def test_corrected_labels_run_through_the_whole_pipeline(finished, tmp_path):
    root, work_dir, _, _ = finished
    copy = tmp_path / 'data'
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns('work'))
    cfg = toy_pipeline(copy, tmp_path / 'work')
    for name in ('control', 'segmentor'):
        cfg.runs.pop(name)
    Pipeline(cfg, lambda line: None).run()
    labels = json.loads((copy / 'train.json').read_text())
    corrected = next(entry for entry in labels['data_list'] if entry['gt_label'] == 1)
    corrected['gt_label'] = 0
    (copy / 'train.json').write_text(json.dumps(labels))
    lines = []
    Pipeline(cfg, lines.append).run()
    assert not any('(stands)' in line for line in lines)
    records = [json.loads(line) for line in (tmp_path / 'work/pseudo/manifest.jsonl').read_text().splitlines()]
    record = next(record for record in records if record['img_path'].endswith(corrected['img_path']))
    assert record['labels'] == [] and (tmp_path / 'work/teacher.old1').is_dir()


def test_student_checkpoint_has_no_teacher(finished):
    state = torch.load(finished[1] / 'student' / 'epoch_1.pth', weights_only=False)['state_dict']
    assert state and not any(name.startswith('teacher.') for name in state)


def test_a_folder_without_any_masks(tmp_path):
    root = write_toy(tmp_path / 'data', 9)
    shutil.rmtree(root / 'ann')
    names = {'dataset_root': str(root), 'images': 'img/train', 'labels': 'train.json', 'img_size': 32, 'epochs': 1}
    cfg = load_pipeline('configs/pipelines/folder.py', {**names, 'method': True, 'work_dir': str(tmp_path / 'work')})
    for name in ('teacher', 'student', 'segmentor'):
        cfg.runs[name].options.update({'batch_size': 4, 'num_workers': 0})
    summary = Pipeline(cfg, lambda line: None).run()
    assert summary['stages']['pseudo']['ok'] == 9
    run = json.loads((tmp_path / 'work/pseudo/run.json').read_text())
    assert run['config']['unrefined']['threshold'] == 0.5
    assert 'iou_image' not in summary['stages']['segmentor']
    free = summary['without_masks']
    assert free['bound']['reason'] == 'there are no frames that trained nothing'
    assert free['measured']['split'] == 'train' and free['chosen']['threshold'] == free['measured']['threshold']
    assert (tmp_path / 'work/final/segmentor.pth').is_file()
    assert free['measured']['own_iou']['low'] <= free['measured']['own_iou']['high']
    assert 0 <= free['measured']['false_alarms']['frames']['value'] <= 1
    html = (tmp_path / 'work' / 'report.html').read_text()
    assert '"ground truth":' not in html and '"sample"' in html
    assert '<strong>flatters</strong>' in html and 'No bound on false alarms' in html


def test_a_folder_of_any_classes_without_teacher_and_student(tmp_path):
    """The default: a classifier, masks, a segmentor; a mask has only classes of its image's label."""
    root = write_toy(tmp_path / 'data', 12)
    shutil.rmtree(root / 'ann')
    options = {
        'dataset_root': str(root), 'images': 'img/train', 'labels': 'train.json', 'work_dir': str(tmp_path / 'work'),
        'img_size': 32, 'last_size': 32, 'batch_size': 4, 'num_workers': 0, 'epochs': 1, 'round_epochs': 1,
    }  # fmt: skip
    cfg = load_pipeline('configs/pipelines/folder.py', options)
    assert list(cfg.runs) == ['classifier', 'pseudo', 'segmentor', 'chosen', 'final', 'bound', 'measured']
    for name in ('classifier', 'segmentor', 'final'):
        cfg.runs[name].options['pretrained'] = False
    cfg.runs.segmentor.options['steps_per_epoch'] = 1
    summary = Pipeline(cfg, lambda line: None).run()
    assert summary['stages']['pseudo']['ok'] == 12
    rows = json.loads((root / 'train.json').read_text())['data_list']
    shows = {row['img_path']: row['gt_label'] == 1 for row in rows}
    for path in (tmp_path / 'work/pseudo/masks').rglob('*.png'):
        found = set(np.unique(read_mask(path))) - {0, IGNORE_LABEL}
        assert found <= ({1} if shows[f'{path.parent.name}/{path.stem}.jpg'] else set()), path
    assert 'iou_image' not in summary['stages']['segmentor']
    free = summary['without_masks']
    assert free['bound']['reason'] == 'there are no frames that trained nothing'
    threshold = free['chosen']['threshold']
    assert cfg.runs.chosen.settings.max_alarms == 0.05 and 'fixed_0.5' in free['chosen']['threshold_source']
    assert threshold >= 0.5 and (threshold == 0.5 or free['chosen']['candidates'][0]['alarms'] <= 0.05)
    written = torch.load(tmp_path / 'work/final/segmentor.pth', weights_only=False)
    assert free['measured']['threshold'] == written['meta']['at_threshold'] == threshold
    trained = Config.fromfile(next((tmp_path / 'work/segmentor').glob('*.py')))
    assert trained.model.decode_head.loss_decode[0].by_class is True
    assert list(load_pipeline('configs/pipelines/folder.py', {'scale': 'paper'}).runs)[0] == 'teacher'


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
    cfg.data_options = {'dataset_root': str(standard), 'train_masks': None, 'group_file': None}
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
    cfg.data_options.update({f'{split}_ann': f'{split}.csv' for split in ('train', 'val', 'test')})
    cfg.data_options.train_masks = None
    summary = Pipeline(cfg, lambda line: None).run()
    assert summary['classes'] == ['fire', 'smoke']
    assert set(summary['stages']['student']['per_class']) == {'background', 'fire', 'smoke'}
    assert 'iou_fire' in summary['stages']['segmentor'] and summary['stages']['pseudo']['test']['ok'] == 7


def test_masks_of_test_images_take_the_position_prior_of_the_training_images(finished, tmp_path):
    options = {
        'method': False, 'position_prior': True, 'dataset_root': str(finished[0]), 'work_dir': str(tmp_path / 'work'),
        'img_size': 32, 'last_size': 32, 'batch_size': 4, 'num_workers': 0, 'epochs': 1,
    }  # fmt: skip
    cfg = load_pipeline('configs/pipelines/smoke5k.py', options)
    cfg.data_options.update(toy_variables(finished[0], val=True, test=True))
    cfg.runs.classifier.options['pretrained'] = False
    pipeline = Pipeline(cfg, lambda line: None)
    pipeline.run(until='pseudo')
    made = tmp_path / 'work' / 'pseudo' / 'position_prior.npz'
    test = json.loads((tmp_path / 'work' / 'pseudo_test' / 'run.json').read_text())
    assert test['config']['refine'][0]['file'] == str(made) and made.is_file()
    assert not (tmp_path / 'work' / 'pseudo_test' / 'position_prior.npz').exists()


def test_a_validation_of_negatives_alone_chooses_no_threshold(finished, tmp_path):
    """Every threshold is as good as another there: the fixed one stays, and a line says so."""
    root = tmp_path / 'data'
    shutil.copytree(finished[0], root, ignore=shutil.ignore_patterns('work'))
    for split in ('val', 'test'):
        content = json.loads((root / f'{split}.json').read_text())
        content['data_list'] = [entry for entry in content['data_list'] if entry['gt_label'] == 0]
        (root / f'{split}.json').write_text(json.dumps(content))
    lines = []
    cfg = toy_pipeline(root, tmp_path / 'work')
    for name in ('control', 'student'):
        cfg.runs.pop(name)
    cfg.runs.pseudo.of = 'teacher'
    cfg.runs.pseudo.options.pop('method', None)
    summary = Pipeline(cfg, lines.append).run()
    teacher = summary['stages']['teacher']
    assert (teacher['threshold'], teacher['threshold_source']) == (0.3, 'fixed')
    assert teacher['iou_dataset'] is None and teacher['oracle']['threshold'] is None
    assert teacher['false_alarms']['images'] is not None and 'at_val_threshold' not in teacher
    assert any('teacher_maps: no validation mask shows a class' in line for line in lines)
    segmentor = summary['stages']['segmentor']
    assert segmentor['iou_image'] is None and segmentor['false_alarms']['pixels'] is not None
    assert (tmp_path / 'work/report.html').is_file()
    assert not any('NaN' in path.read_text() for path in (tmp_path / 'work').glob('*/*.json'))


def test_a_pipeline_whose_masks_all_failed_stops(finished, tmp_path):
    """Weights with NaN: no segmentor learns from the negatives that are left."""
    root, work_dir, _, _ = finished
    copy = tmp_path / 'work'
    shutil.copytree(work_dir, copy)
    shutil.rmtree(copy / 'pseudo')
    checkpoint = copy / 'student' / 'epoch_1.pth'
    content = torch.load(checkpoint, weights_only=False)
    for name, value in content['state_dict'].items():
        if 'fc' in name:
            value.fill_(float('nan'))
    torch.save(content, checkpoint)
    pipeline = Pipeline(toy_pipeline(root, copy), lambda line: None)
    with pytest.raises(ValueError, match=r'Expected a mask of an image with a class in .* got none: 8 images failed'):
        pipeline.store.get(pipeline.runs['pseudo'])


def test_corrections_that_change_train_the_segmentor_again(finished, tmp_path):
    root, work_dir, _, _ = finished
    corrections = tmp_path / 'corrections'
    corrections.mkdir()
    (corrections / 'run.json').write_text('{"classes": ["smoke"]}')
    cfg = toy_pipeline(root, work_dir)
    cfg.runs.segmentor.options.corrections = str(corrections)
    keys = []
    for verdicts in ('', '{"img_path": "a.jpg", "status": "rejected"}\n'):
        (corrections / 'manifest.jsonl').write_text(verdicts)
        pipeline = Pipeline(cfg)
        keys.append(pipeline.store.key(pipeline.runs['segmentor']))
    assert keys[0].settings == keys[1].settings and keys[0].data != keys[1].data
    plain = Pipeline(toy_pipeline(root, work_dir))
    assert plain.store.key(plain.runs['segmentor']).data == ''
    (corrections / 'run.json').unlink()
    with pytest.raises(FileNotFoundError, match='Expected corrected masks in'):
        pipeline = Pipeline(cfg)
        pipeline.store.key(pipeline.runs['segmentor'])


def test_what_an_included_pipeline_trained_is_where_the_networks_start(finished, tmp_path):
    root = finished[0]
    (tmp_path / 'start.py').write_text(
        f"_base_ = 'mmwsss::pipelines/demo.py'\nwork_dir = {str(tmp_path / 'start')!r}\n"
        'img_size = 32\nbatch_size = 4\nepochs = 1\nmap_scales = [1.0]\n'
        'generate = dict(numbers=dict(train=8, val=4, test=4), size=32)\n'
    )
    cfg = toy_pipeline(root, tmp_path / 'work')
    cfg.include = {'pretrain': str(tmp_path / 'start.py')}
    for name, variable in (('teacher', 'teacher_init'), ('control', 'student_init')):
        cfg.runs[name].options.lr = 0.0  # what it starts from is what it ends with
        for size in NET:
            cfg.runs[name].options.pop(size, None)  # the included one's
        cfg.runs[name].inputs = {variable: f'pretrain/{name}'}
    Pipeline(cfg, lambda line: None).run(until='control')
    assert not (tmp_path / 'work' / 'student').exists() and (tmp_path / 'work/control_maps/result.json').exists()
    for name in ('teacher', 'control'):
        before, after = (
            torch.load(folder / name / 'epoch_1.pth', weights_only=False)['state_dict']
            for folder in (tmp_path / 'start', tmp_path / 'work')
        )
        weights = [key for key in before if key.endswith(('fc8.weight', 'fc.weight', 'conv_stem.weight'))]
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


@pytest.mark.parametrize('name', ['vitb', 'co_vitb_r50_cos_global', 'seg'])
def test_resumed_loss_curve_is_the_uninterrupted_one(name, finished, tmp_path):
    root, work_dir, _, _ = finished

    def config():
        options = {**QUICK, 'epochs': 4, 'seed': 3}
        if name == 'seg':
            path = 'configs/seg/segformer_mit-b0_pseudo-512x512.py'
            options.update(pseudo_root=str(work_dir / 'pseudo'), pretrained=False)
        else:
            path = f'configs/{name}.py'
            options.update(NET)
        cfg = load_config(path, options, data=toy_variables(root), scale='small')
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
    data = {**toy_variables(toy), 'num_train_images': 8}
    options = {'img_size': 32, 'pretrained': False, 'epochs': 1, 'num_workers': 0}
    train(load_config('configs/r50_pcm.py', {**options, 'batch_size': 4}, data=data), tmp_path / 'r50')
    row = load_config(
        'configs/ts_vitb_r50_cos_global.py',
        {**options, 'teacher_checkpoint': str(tmp_path / 'r50' / 'epoch_1.pth')},
        data=data,
    )
    assert row.train_dataloader.batch_size == 8
    runner = train(row, tmp_path / 'ts')
    assert runner.iter == 1


def test_a_segmentor_can_be_tested_by_hand(finished):
    root, work_dir, summary, _ = finished
    pipeline = Pipeline(toy_pipeline(root, work_dir))
    cfg = pipeline.runs['segmentor_test'].load()
    figures = run_test(cfg, work_dir / 'segmentor' / 'epoch_1.pth', work_dir / 'again')
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
