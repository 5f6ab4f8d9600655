import csv

import numpy as np
import pytest
from PIL import Image

from mmwsss.config import load_data
from mmwsss.datasets import ShapesScenes
from mmwsss.datasets.converters.scenes import export_scenes
from mmwsss.datasets.shapes_scenes import CLASSES


def test_deterministic_and_labels_are_those_of_the_masks():
    scenes = ShapesScenes(40, 64, seed=3, test_mode=True)
    again = ShapesScenes(60, 64, seed=3, test_mode=True)
    other = ShapesScenes(40, 64, seed=4, test_mode=True)
    different = 0
    for index in range(40):
        item = scenes.get_data_info(index)
        assert item['img'].shape == (64, 64, 3) and item['img'].dtype == np.uint8
        shown = set(np.unique(item['gt_seg_map'])) - {0}
        assert shown <= {label + 1 for label in item['gt_label']}  # a small one may be hidden
        assert not ((item['context_map'] > 0) & (item['gt_seg_map'] > 0)).any()
        assert item['gt_score'].nonzero()[0].tolist() == item['gt_label'].tolist()
        different += not np.array_equal(item['img'], other.get_data_info(index)['img'])
    assert different == 40
    assert np.array_equal(scenes.get_data_info(5)['img'], ShapesScenes(40, 64, seed=3).get_data_info(5)['img'])
    assert len(again) == 60
    assert any(not scenes.get_data_info(index)['gt_label'].size for index in range(40))  # negatives


@pytest.mark.parametrize('bias', [(0.9, 0.1), (0.5, 0.5)])
def test_bias_is_what_was_asked_for(bias):
    scenes = ShapesScenes(400, 32, seed=0, context_given=bias[0], context_without=bias[1], test_mode=True)
    given, without = [], []
    for index in range(400):
        item = scenes.get_data_info(index)
        contexts = set(np.unique(item['context_map'])) - {0}
        for label in range(len(CLASSES)):
            (given if label in item['gt_label'] else without).append(label + 1 in contexts)
    assert np.mean(given) == pytest.approx(bias[0], abs=0.06)
    assert np.mean(without) == pytest.approx(bias[1], abs=0.06)


def test_objects_stand_on_their_surrounding():
    scenes = ShapesScenes(200, 64, seed=1, context_given=1.0, context_without=0.0, test_mode=True)
    on = []
    for index in range(200):
        item = scenes.get_data_info(index)
        for label in item['gt_label']:
            ys = np.nonzero(item['gt_seg_map'] == label + 1)[0]
            rows = np.nonzero((item['context_map'] == label + 1).any(1))[0]
            if len(ys) and len(rows):
                on.append(rows.min() <= ys.mean() <= rows.max())
    assert np.mean(on) > 0.85  # those at the edge are moved into the picture


def test_export(tmp_path):
    export_scenes(tmp_path, {'train': 6, 'test': 4}, 48, kind='shapes')
    with open(tmp_path / load_data('shapes_scenes')['train_ann'], newline='') as handle:
        rows = list(csv.reader(handle))
    assert rows[0] == ['path', 'label'] and len(rows) == 7
    scenes = ShapesScenes(6, 48, seed=0, context_given=0.95, context_without=0.15, test_mode=True)
    for row, index in zip(rows[1:], range(6)):
        item = scenes.get_data_info(index)
        assert row[1] == ';'.join(CLASSES[label] for label in item['gt_label'])
        mask = np.array(Image.open(tmp_path / 'ann_dir/train' / row[0]))
        assert np.array_equal(mask, item['gt_seg_map'])
    with pytest.raises(ValueError, match=r"Expected a kind of \['plumes', 'shapes'\], but got 'cubes'"):
        export_scenes(tmp_path, {}, kind='cubes')


def test_errors():
    with pytest.raises(ValueError, match=r'Expected presence in \[0, 1\], but got 2'):
        ShapesScenes(4, presence=2)
    with pytest.raises(ValueError, match='Expected num_images >= 1, but got 0'):
        ShapesScenes(0)
