"""Sheets of maps during a training, which they do not change."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SMALL, distiller_config, toy_variables, write_toy
from mmengine.registry import DATASETS, HOOKS, MODELS, init_default_scope
from mmpretrain.structures import DataSample
from PIL import Image

from mmwsss.apis import train
from mmwsss.config import load_config
from mmwsss.engine.hooks import MapVisualizationHook
from mmwsss.engine.hooks.map_visualization import default_generator
from mmwsss.visualization.sheet import fit, sheet

NET = {'embed_dims': 32, 'num_layers': 1, 'pretrained': False}
SIDE, LINE, GAP = 40, 14, 4


def config(root, hook, backends=('LocalVisBackend',), **more):
    data = toy_variables(root, val=True)
    cfg = load_config('configs/vitb.py', {**SMALL, **NET, 'epochs': 2, 'seed': 3, **more}, data=data, scale='small')
    cfg.visualizer = {'type': 'Visualizer', 'vis_backends': [{'type': name} for name in backends]}
    cfg.custom_hooks = [hook] if hook else []
    cfg.default_hooks.logger.interval = 1
    return cfg


@pytest.fixture
def root(tmp_path):
    for split in ('train', 'val'):
        write_toy(tmp_path / 'toy', 12, split=split)
    return tmp_path / 'toy'


def losses(work_dir):
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    return [row['loss'] for row in map(json.loads, path.read_text().splitlines()) if 'loss' in row]


@pytest.mark.filterwarnings('ignore')
def test_the_same_pictures_every_epoch_and_the_same_training(root, tmp_path):
    hook = {'type': 'mmwsss.MapVisualizationHook', 'indices': (0, 3), 'side': SIDE}
    train(config(root, hook), tmp_path / 'with')
    train(config(root, None), tmp_path / 'without')
    found = losses(tmp_path / 'with')
    assert len(found) == 6 and found == losses(tmp_path / 'without')
    sheets = {
        path.name: np.asarray(Image.open(path)) for path in (tmp_path / 'with').glob('*/vis_data/vis_image/*.png')
    }
    assert sorted(sheets) == ['maps_0.png', 'maps_1.png', 'maps_2.png']
    rows, columns = 2, 2  # the classifier's validation set has pictures and maps
    size = (rows * (SIDE + LINE + GAP) + GAP, columns * (SIDE + GAP) + GAP, 3)
    assert {picture.shape for picture in sheets.values()} == {size}
    left = [picture[:, : SIDE + GAP] for picture in sheets.values()]
    assert all((part == left[0]).all() for part in left)  # the pictures
    assert not (sheets['maps_0.png'] == sheets['maps_2.png']).all()  # the maps


@pytest.mark.filterwarnings('ignore')
def test_tensorboard_shows_them(root, tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    hook = {'type': 'mmwsss.MapVisualizationHook', 'indices': (1,), 'interval': 2, 'name': 'pictures'}
    train(config(root, hook, ('TensorboardVisBackend',)), tmp_path / 'work')
    (events,) = (tmp_path / 'work').rglob('events.out.tfevents*')
    found = EventAccumulator(str(events), size_guidance={'images': 0}).Reload()
    assert [image.step for image in found.Images('pictures')] == [0, 2]
    assert found.Images('pictures')[0].width == 2 * (192 + GAP) + GAP


@pytest.mark.filterwarnings('ignore')
def test_weights_and_biases_shows_them(root, tmp_path, monkeypatch):
    pytest.importorskip('wandb')
    monkeypatch.setenv('WANDB_MODE', 'offline')  # no account, nothing is sent
    hook = {'type': 'mmwsss.MapVisualizationHook', 'indices': (1,), 'interval': 2, 'name': 'pictures'}
    train(config(root, hook, ('WandbVisBackend',)), tmp_path / 'work')
    pictures = sorted((tmp_path / 'work').rglob('media/images/pictures_*.png'))
    assert len(pictures) == 2, 'before the first epoch and after the second'
    assert Image.open(pictures[0]).width == 2 * (192 + GAP) + GAP


def row_of(model, hook, label=(1,)):
    sample = DataSample().set_gt_score(torch.tensor(label, dtype=torch.float32))
    item = {'inputs': torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8), 'data_samples': sample}
    return hook._row(model.eval(), [item], 0)


def test_a_distiller_shows_its_teacher_too():
    init_default_scope('mmpretrain')
    model = MODELS.build(distiller_config(SMALL).model)
    hook = MapVisualizationHook()
    row = row_of(model, hook)
    assert [caption for caption, _ in row] == ['picture 0', 'teacher', 'maps']
    assert {picture.shape for _, picture in row} == {(64, 64, 3)}
    assert not (row[1][1] == row[2][1]).all()
    assert {name: generator.method for name, generator in hook._generators.items()} == {
        'teacher': 'pcm',
        'network': 'cam',
    }
    assert [picture is None for _, picture in row_of(model, hook, (0,))] == [False, True, True]  # nothing to map


def test_a_segmentor_shows_its_mask_and_the_truth(root):
    cfg = load_config(
        'configs/seg/lite0_supervised.py', {'img_size': 64, 'pretrained': False}, data=toy_variables(root)
    )
    init_default_scope('mmseg')
    model = MODELS.build(cfg.model).eval()
    cfg.train_dataloader.dataset.pipeline = cfg.test_pipeline
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    row = MapVisualizationHook()._row(model, dataset, 0)
    assert [caption for caption, _ in row] == ['picture 0', 'maps', 'mask', 'truth']
    assert default_generator(model)['type'] == 'mmwsss.SegmentorMaps'


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'indices': ()}, r'Expected indices of pictures, 0 or more, but got \(\)'),
        ({'indices': (-1,)}, 'but got'),
        ({'interval': 0}, 'Expected interval >= 1, but got 0'),
        ({'name': 'val/maps'}, "Expected a name without a slash, which LocalVisBackend drops, but got 'val/maps'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MapVisualizationHook(**arguments)


@pytest.mark.filterwarnings('ignore')
def test_an_index_that_is_not_there_stops_before_the_first_step(root, tmp_path):
    hook = {'type': 'mmwsss.MapVisualizationHook', 'indices': (0, 12)}
    with pytest.raises(ValueError, match=r'Expected indices below 12, the number of pictures, but got \(0, 12\)'):
        train(config(root, hook), tmp_path / 'work')


def test_a_sheet_keeps_forms_and_leaves_places_empty():
    red = np.full((10, 40, 3), (255, 0, 0), np.uint8)
    square = fit(red, 20)
    assert (square[8:12] == (255, 0, 0)).all() and (square[:7] == 255).all()
    page = sheet([[('a very long caption that does not fit', red)], [('été', None), ('', red)]], 20)
    assert page.shape == (2 * (20 + LINE + GAP) + GAP, 2 * (20 + GAP) + GAP, 3)
    assert (page[GAP + LINE + 10, GAP + 10] == (255, 0, 0)).all()
    with pytest.raises(ValueError, match='Expected at least one picture for a sheet'):
        sheet([])


def test_the_config_of_the_docs_is_one(tmp_path):
    text = (Path(__file__).parents[2] / 'docs' / 'analysis.md').read_text(encoding='utf-8')
    path = tmp_path / 'mine.py'
    path.write_text(text.partition('```python\n')[2].partition('```')[0], encoding='utf-8')
    cfg = load_config(path)
    assert [hook.type for hook in cfg.custom_hooks] == ['mmwsss.SetEpochHook', 'mmwsss.MapVisualizationHook']
    assert HOOKS.build(cfg.custom_hooks[1]).indices == (0, 10, 20)
    assert [backend.type for backend in cfg.visualizer.vis_backends] == ['LocalVisBackend', 'TensorboardVisBackend']
    assert cfg.visualizer.type == 'SegLocalVisualizer'
