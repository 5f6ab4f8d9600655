import json

import numpy as np
import pytest

from mmwsss.visualization import GalleryRow, heat_overlay, mask_overlay, write_report
from mmwsss.visualization.comparison import comparison_table

IMG = np.full((8, 10, 3), 100, np.uint8)


def test_overlays():
    cam = np.zeros((8, 10))
    cam[:, 5:] = 1
    heat = heat_overlay(IMG, cam)
    assert heat.shape == IMG.shape and heat[0, 9].sum() > heat[0, 0].sum() + 100
    mask = np.zeros((8, 10), np.uint8)
    mask[2:6, 2:6] = 1
    painted = mask_overlay(IMG, mask)
    assert painted[3, 4].tolist() == [114, 50, 50]  # half of the picture, half of (128, 0, 0)
    assert painted[0, 0].tolist() == [100, 100, 100] and painted[2, 2].tolist() == [255, 255, 255]


def summary(iou):
    figures = {'iou_image': iou, 'iou_dataset': iou, 'miou': iou}
    stages = {
        'student': {**figures, 'threshold': 0.3, 'seconds': 3.0, 'floor_all_foreground': figures},
        'pseudo': {**figures, 'unrefined': figures, 'floor': figures, 'seconds': 1.0, 'label_source': 'image labels'},
        'segmentor': {**figures, 'seconds': 2.0},
    }
    return {'title': 'a <title>', 'seed': 0, 'classes': ['smoke'], 'stages': stages, 'versions': {'torch': '2'}}


def test_report(tmp_path):
    row = GalleryRow('<x>.jpg', 'worst', IMG, np.zeros((8, 10)), *[np.zeros((8, 10), np.uint8)] * 3, None, 0.25)
    curve = {'thresholds': [0, 0.5, 1], 'iou_dataset': [0.1, 0.2, 0.0]}
    write_report(tmp_path / 'r.html', summary(0.5), {'student': curve}, [row])
    html = (tmp_path / 'r.html').read_text()
    assert '&lt;x&gt;.jpg' in html and 'a &lt;title&gt;' in html and '<x>' not in html
    assert 'was taken from its image labels' in html
    assert '0.500' in html and 'IoU 0.250' in html and html.count('data:image/jpeg') == 5
    write_report(tmp_path / 'empty.html', summary(0.5), {}, [])
    assert 'No image with a class' in (tmp_path / 'empty.html').read_text()


def test_comparison(tmp_path):
    for index, iou in enumerate((0.2, 0.4)):
        (tmp_path / f'{index}.json').write_text(json.dumps(summary(iou)))
    table = comparison_table([tmp_path / '0.json', tmp_path / '1.json'])
    assert '| student | 2 | 30.0 ± 14.1 |' in table and '| refined mask (training images) | 2 | 30.0 ± 14.1 |' in table
    assert '| student | 1 | 20.0 |' in comparison_table([tmp_path / '0.json'])
    with pytest.raises(ValueError, match='Expected at least one summary.json'):
        comparison_table([])
