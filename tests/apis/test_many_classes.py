"""Several classes from end to end at toy size: plain student, distilled, ACR, both; masks, segmentor, figures."""

import json

import numpy as np
import pytest
from conftest import SMALL
from PIL import Image

from mmwsss.apis import Pipeline, evaluate_cams, init_classifier, load_pipeline, make_pseudo, train
from mmwsss.apis import test as run_test
from mmwsss.config.loading import load_config
from mmwsss.datasets.converters.scenes import SHAPES_VARIABLES, export_scenes
from mmwsss.datasets.shapes_scenes import CLASSES

TINY = {**SMALL, 'embed_dims': 32, 'num_layers': 2, 'num_classes': 4}
MAPS = {'img_size': 32, 'scales': [1.0], 'size_divisor': 8}


@pytest.fixture(scope='module')
def shapes(tmp_path_factory):
    root = tmp_path_factory.mktemp('shapes')
    export_scenes(root, {'train': 16, 'val': 8, 'test': 8}, 48, kind='shapes')
    return {**SHAPES_VARIABLES, 'dataset_root': str(root)}


@pytest.fixture(scope='module')
def teacher(shapes, tmp_path_factory):
    made = {}
    for name in ('r18_pcm', 'r18_pcm_extra'):
        folder = tmp_path_factory.mktemp(name)
        train(load_config(f'configs/{name}.py', {**shapes, **TINY}), folder, quiet=True)
        made[name] = {'teacher_checkpoint': str(folder / 'epoch_1.pth')}
    return made


def teacher_options(config, teacher):
    if '_ts_' not in f'_{config}':
        return {}
    return teacher['r18_pcm_extra' if config.endswith('_tokens') else 'r18_pcm']


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(
    ('config', 'method'),
    [
        ('vitmini', 'cam'),
        ('acr_vitmini', 'acr'),
        ('ts_vitmini_r18_cos_global', 'cam'),
        ('acr_ts_vitmini_r18_cos_global_tokens', 'acr_unrefined'),
    ],
)
def test_from_labels_to_a_segmentor(config, method, shapes, teacher, tmp_path):
    options = {**shapes, **TINY, **teacher_options(config, teacher)}
    runner = train(load_config(f'configs/{config}.py', options), tmp_path / 'student', quiet=True)
    assert np.isfinite(runner.message_hub.get_scalar('train/loss').current())
    checkpoint = tmp_path / 'student/epoch_1.pth'
    maps = {**shapes, **MAPS, 'method': method, 'per_scale_min_max': False}
    cfg = load_config('configs/pseudo/gradcam_ms_crf.py', {**maps, 'mask_threshold': 0.5})
    summary = make_pseudo(cfg, checkpoint, tmp_path / 'masks')
    assert summary['ok'] == 16 and set(summary['mask']['per_class']) == {'background', *CLASSES}
    records = [json.loads(line) for line in (tmp_path / 'masks/manifest.jsonl').read_text().splitlines()]
    for record in records:
        values = set(np.unique(np.array(Image.open(tmp_path / 'masks' / record['mask_path']))))
        assert values <= {0} | {CLASSES.index(name) + 1 for name in record['labels']}
    figures = evaluate_cams(cfg, init_classifier(checkpoint), cfg.test_set).compute(0.3)
    if method.startswith('acr'):  # a plain CAM may be empty after one epoch
        assert set(figures['co_occurrence_per_class']) <= set(CLASSES) and figures['co_occurrence'] > 0
    if config == 'acr_ts_vitmini_r18_cos_global_tokens':
        segmentor = 'configs/seg/segformer_mit-b0_pseudo-512x512.py'
        seg = {**shapes, **SMALL, 'pretrained': False, 'num_classes': 4, 'pseudo_root': str(tmp_path / 'masks')}
        train(load_config(segmentor, seg), tmp_path / 'seg', quiet=True)
        result = run_test(load_config(segmentor, seg), tmp_path / 'seg/epoch_1.pth', tmp_path / 'seg/test', quiet=True)
        assert {f'iou_{name}' for name in CLASSES} <= set(result) and 0 <= result['miou'] <= 1


@pytest.mark.filterwarnings('ignore')
def test_predicted_labels_select_the_classes(shapes, tmp_path):
    train(load_config('configs/vitmini.py', {**shapes, **TINY}), tmp_path / 'student', quiet=True)
    cfg = load_config('configs/pseudo/gradcam_ms.py', {**shapes, **MAPS, 'pseudo.generator.classes': 'predicted'})
    cfg.pseudo.dataset = cfg.test_set
    summary = make_pseudo(cfg, tmp_path / 'student/epoch_1.pth', tmp_path / 'masks')
    assert summary['label_source'] == 'predicted labels' and summary['ok'] == 8


@pytest.mark.filterwarnings('ignore')
def test_pipeline_of_generated_shapes(tmp_path):
    cfg = load_pipeline('configs/pipelines/shapes.py', {'work_dir': str(tmp_path / 'work')})
    cfg.scenes.update({'numbers': {'train': 12, 'val': 6, 'test': 6}, 'size': 32})
    cfg.segmentor = None  # tested above
    for name in ('teacher', 'control', 'student'):
        cfg[name].variables.update({'img_size': 32, 'epochs': 1, 'batch_size': 4})
    for name in ('control', 'student'):
        cfg[name].variables.update({'embed_dims': 32, 'num_layers': 1})
    cfg.student.variables.update({'embed_dims': 32})
    cfg.teacher.variables.embed_dims = 32
    for maps in (cfg.teacher.maps, cfg.pseudo):
        maps.variables.update({'img_size': 32, 'scales': [1.0]})
    summary = Pipeline(cfg, lambda line: None).run()
    assert summary['classes'] == list(CLASSES)
    assert {'unrefined', 'test'} <= set(summary['stages']['pseudo'])
    assert (tmp_path / 'work/report.html').exists()
