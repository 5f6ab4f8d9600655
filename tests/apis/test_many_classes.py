"""Several classes from end to end at toy size: plain student, distilled, ACR, both; masks, segmentor, figures."""

import json

import numpy as np
import pytest
from conftest import OURS, SMALL, student_config
from PIL import Image

from mmwsss.apis import evaluate_cams, init_classifier, make_pseudo, train
from mmwsss.apis import test as run_test
from mmwsss.config import load_config, load_data
from mmwsss.datasets.converters.scenes import export_scenes
from mmwsss.datasets.shapes_scenes import CLASSES
from mmwsss.runs import Pipeline, load_pipeline

TINY = {**SMALL, 'embed_dims': 32, 'num_layers': 2}
MAPS = {'img_size': 32, 'scales': [1.0], 'size_divisor': 8}


@pytest.fixture(scope='module')
def shapes(tmp_path_factory):
    root = tmp_path_factory.mktemp('shapes')
    export_scenes(root, {'train': 16, 'val': 8, 'test': 8}, 48, kind='shapes')
    return {**load_data('shapes_scenes'), 'dataset_root': str(root)}


@pytest.fixture(scope='module')
def teacher(shapes, tmp_path_factory):
    made = {}
    for maps in ('classes', 'classes_and_extra'):
        folder = tmp_path_factory.mktemp(maps)
        cfg = load_config('configs/r50_pcm.py', {**SMALL, 'teacher_maps': maps}, data=shapes, scale='small')
        train(cfg, folder, quiet=True)
        made[maps] = str(folder / 'epoch_1.pth')
    return made


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(
    ('config', 'form', 'method'),
    [
        ('vitb', {'head_type': OURS['head_type']}, 'cam'),
        ('acr_vitb_hybrid', {}, 'acr'),
        ('ts_vitb_r50_cos_global', OURS, 'cam'),
        ('acr_ts_vitb_r50_cos_global', {}, 'acr_unrefined'),
    ],
)
def test_from_labels_to_a_segmentor(config, form, method, shapes, teacher, tmp_path):
    options = {**TINY, **form}
    if 'ts_' in config:
        options['teacher_checkpoint'] = teacher[form.get('teacher_maps', 'classes_and_extra')]
    cfg = load_config(f'configs/{config}.py', options, data=shapes, scale='small')
    runner = train(cfg, tmp_path / 'student', quiet=True)
    assert np.isfinite(runner.message_hub.get_scalar('train/loss').current())
    checkpoint = tmp_path / 'student/epoch_1.pth'
    maps = {**MAPS, 'method': method, 'per_scale_min_max': False, 'mask_threshold': 0.5}
    cfg = load_config('configs/pseudo/gradcam_ms_crf.py', maps, data=shapes)
    summary = make_pseudo(cfg, checkpoint, tmp_path / 'masks')
    assert summary['ok'] == 16 and set(summary['mask']['per_class']) == {'background', *CLASSES}
    records = [json.loads(line) for line in (tmp_path / 'masks/manifest.jsonl').read_text().splitlines()]
    for record in records:
        values = set(np.unique(np.array(Image.open(tmp_path / 'masks' / record['mask_path']))))
        assert values <= {0} | {CLASSES.index(name) + 1 for name in record['labels']}
    figures = evaluate_cams(cfg, init_classifier(checkpoint), cfg.test_set).compute(0.3)
    if method.startswith('acr'):  # a plain CAM may be empty after one epoch
        assert set(figures['co_occurrence_per_class']) <= set(CLASSES) and figures['co_occurrence'] > 0
    if config == 'acr_ts_vitb_r50_cos_global':
        segmentor = 'configs/seg/segformer_mit-b0_pseudo-512x512.py'
        seg = load_config(segmentor, {**SMALL, 'pseudo_root': str(tmp_path / 'masks')}, data=shapes, scale='small')
        train(seg.copy(), tmp_path / 'seg', quiet=True)
        result = run_test(seg, tmp_path / 'seg/epoch_1.pth', tmp_path / 'seg/test', quiet=True)
        assert {f'iou_{name}' for name in CLASSES} <= set(result) and 0 <= result['miou'] <= 1


@pytest.mark.filterwarnings('ignore')
def test_predicted_labels_select_the_classes(shapes, tmp_path):
    train(student_config(TINY, shapes), tmp_path / 'student', quiet=True)
    options = {**MAPS, 'pseudo.generator.classes': 'predicted'}
    cfg = load_config('configs/pseudo/gradcam_ms.py', options, data=shapes)
    cfg.pseudo.dataset = cfg.test_set
    summary = make_pseudo(cfg, tmp_path / 'student/epoch_1.pth', tmp_path / 'masks')
    assert summary['label_source'] == 'predicted labels' and summary['ok'] == 8


@pytest.mark.filterwarnings('ignore')
def test_pipeline_of_generated_shapes(tmp_path):
    cfg = load_pipeline('configs/pipelines/shapes.py', {'work_dir': str(tmp_path / 'work')})
    cfg.generate.update({'numbers': {'train': 12, 'val': 6, 'test': 6}, 'size': 32})
    cfg.runs.segmentor = None  # tested above
    for name in ('teacher', 'control', 'student'):
        cfg.runs[name].options.update({'img_size': 32, 'epochs': 1, 'batch_size': 4})
        cfg.runs[name].maps.options.update({'img_size': 32, 'scales': [1.0]})
    for name in ('control', 'student'):
        cfg.runs[name].options.update({'embed_dims': 32, 'num_layers': 1})
    cfg.runs.pseudo.options.update({'img_size': 32, 'scales': [1.0]})
    summary = Pipeline(cfg, lambda line: None).run()
    assert summary['classes'] == list(CLASSES)
    assert {'unrefined', 'test'} <= set(summary['stages']['pseudo'])
    assert (tmp_path / 'work/report.html').exists()
