"""Which pictures the report shows, and what stands in its table of cameras."""

import json

import numpy as np
import pytest

from mmwsss.apis.gallery import _false_alarms, _least_certain, image_figures
from mmwsss.evaluation import count_pixels
from mmwsss.runs.report import _camera_pattern
from mmwsss.structures import ManifestRecord

CLASSES = ('smoke', 'fire')


class Images:
    """Ten images, of which the last five show nothing."""

    def __len__(self):
        return 10

    def get_data_info(self, index):
        return {'img_path': f'cam{index % 2}/{index}.jpg'}


@pytest.fixture
def tested(tmp_path):
    rows = []
    for index in range(10):
        truth, mask = np.zeros((8, 10), np.uint8), np.zeros((8, 10), np.uint8)
        truth[:4] = 1 if index < 5 else 0
        mask[2:4, : max(index - 5, 0)] = 2 if index >= 5 else 0
        mask[: index + 1] = 1 if index < 5 else mask[: index + 1]
        rows.append({'img_path': f'cam{index % 2}/{index}.jpg', 'counts': count_pixels(mask, truth, 2).to_list()})
    path = tmp_path / 'test_images.json'
    path.write_text(json.dumps(rows))
    return path


def test_figures_of_every_image(tested):
    found = image_figures(tested, CLASSES)
    assert [row['shows'] for row in found] == [True] * 5 + [False] * 5
    assert [row['score'] for row in found[:5]] == pytest.approx([0.25, 0.5, 0.75, 1.0, 0.8])
    assert all(row['score'] is None for row in found[5:])
    assert found[4]['false_alarm'] == pytest.approx(10 / 80) and found[4]['coverage'] == pytest.approx(50 / 80)
    assert [row['false_alarm'] for row in found[5:]] == pytest.approx([0, 2 / 80, 4 / 80, 6 / 80, 8 / 80])


def test_the_largest_false_alarms_are_shown(tested):
    finished = {Images().get_data_info(index)['img_path'] for index in range(9)}  # the last has no mask to show
    figures = image_figures(tested, CLASSES)
    assert _false_alarms(Images(), figures, 8, finished) == [(8, 'false alarm'), (7, 'false alarm')]
    assert _false_alarms(Images(), figures, 40, finished)[-1] == (6, 'false alarm')  # 5 has none
    assert _false_alarms(Images(), [], 8, finished) == []


def test_the_least_certain_are_shown_once():
    """Of images with a class that are not in the gallery yet, those whose surest pixel is least sure."""
    finished = {
        Images().get_data_info(index)['img_path']: ManifestRecord(
            str(index), 'ok', raw_max={'smoke': 0.1 * index, 'fire': 0.05} if index < 5 else {}
        )
        for index in range(9)
    }
    assert _least_certain(Images(), [(1, 'worst')], 8, finished) == [(0, 'least certain'), (2, 'least certain')]
    assert len(_least_certain(Images(), [], 40, finished)) == 5 and _least_certain(Images(), [], 8, {}) == []


def test_cameras_are_those_of_the_blocks():
    assert _camera_pattern(r'(?P<camera>cam\d+)_(?P<day>\d+)') == r'(?P<camera>cam\d+)_(?P<day>\d+)'
    assert _camera_pattern(r'(?P<day>\d+)_(?P<camera>cam\d+)') is None and _camera_pattern(None) is None
    assert _camera_pattern(r'(cam\d+)') is None
