"""The tables of mmwsss-lite and of mmwsss predict: parts, areas, events, times."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import mmwsss_lite
from mmwsss_lite import (
    EventRule,
    Events,
    area_columns,
    area_row,
    class_figures,
    iso_time,
    parse_rule,
    parts_of,
    time_in,
)


@pytest.mark.parametrize('seed', range(30))
def test_parts_are_those_of_opencv(seed):
    rng = np.random.default_rng(seed)
    shape = (1, 1) if seed == 0 else tuple(rng.integers(1, 40, 2))
    inside = rng.random(shape) < rng.uniform(0, 1)
    sizes, boxes = parts_of(inside)
    count, _, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=8)
    expected = sorted([x, y, x + w, y + h, size] for x, y, w, h, size in stats[1:].tolist())
    assert sorted([*box, size] for box, size in zip(boxes.tolist(), sizes.tolist())) == expected
    assert len(sizes) == count - 1


def test_figures():
    label = np.zeros((10, 20), np.uint8)
    label[2:5, 4:10] = 1
    label[8:, 18:] = 1
    label[:, 0] = 255
    score = np.where(label == 1, 0.75, 0.9)
    figures = class_figures(label, score, ['smoke', 'fire'])
    assert figures['smoke'] == {
        'area': round(22 / 190, 6), 'components': 2, 'score': 0.75, 'box': [0.2, 0.2, 0.5, 0.5],
    }  # fmt: skip
    assert figures['fire'] == {'area': 0.0, 'components': 0, 'score': None, 'box': None}
    row = area_row({'source': 'a.png', 'frame': 3, 'status': 'ok'}, figures)
    assert set(row) <= set(area_columns(['smoke', 'fire']))
    assert (row['frame'], row['area_smoke'], row['components_smoke'], row['x1_smoke']) == (
        '3',
        '0.115789',
        '2',
        '0.5000',
    )
    assert row['area_fire'] == '0.000000' and 'score_fire' not in row and row['time'] == ''
    everything_left_out = class_figures(np.full((2, 2), 255, np.uint8), np.ones((2, 2)), ['smoke'])
    assert everything_left_out['smoke']['area'] == 0


def events_of(areas, rule, camera='', events=None):
    """Events of a series of areas; None is a frame that failed and never comes."""
    events = events or Events(rule)
    for number, area in enumerate(areas):
        if area is not None:
            row = area_row({'camera': camera, 'source': 'f.mp4', 'frame': number, 'time_s': f'{number}.000'}, {})
            events.add(row, {'smoke': {'area': area, 'score': area / 2 or None}})
    return events


def spans(events):
    return [(event.start_frame, event.end_frame, event.frames, event.status) for event in events.found]


@pytest.mark.parametrize(
    ('counts', 'expected'),
    [
        ('0110000', []),  # two of four are too few for three
        ('01110000', [('1', '3', 3, 'closed')]),
        ('0101101', [('1', '6', 4, 'open')]),  # gaps are bridged
        ('1011000000111', [('0', '3', 3, 'closed'), ('10', '12', 3, 'open')]),
        ('111101100', [('0', '6', 6, 'open')]),
        ('1110001000', [('0', '6', 4, 'open')]),
        ('11x10000', [('0', '3', 3, 'closed')]),  # a frame that failed is passed over
        ('1001001001', []),
    ],
)
def test_three_of_four_frames(counts, expected):
    areas = [None if count == 'x' else 0.05 * int(count) for count in counts]
    assert spans(events_of(areas, EventRule(0.01, 3, 4))) == expected


def test_peak_cameras_and_file(tmp_path):
    rule = EventRule(0.01, 2, 2)
    events = events_of([0.02, 0.2, 0.1, 0, 0, 0], rule, 'north')
    events_of([0.5], rule, 'south', events)  # the cameras do not mix
    events_of([0.03, 0.03], rule, 'east', events)
    events.write(tmp_path / 'events.csv')
    with open(tmp_path / 'events.csv', encoding='utf-8') as handle:
        rows = list(csv.DictReader(handle))
    assert [(row['event'], row['camera'], row['class'], row['status']) for row in rows] == [
        ('1', 'north', 'smoke', 'closed'),
        ('2', 'east', 'smoke', 'open'),
    ]
    assert (rows[0]['start'], rows[0]['end'], rows[0]['peak']) == ('0.000', '2.000', '1.000')
    assert (rows[0]['peak_frame'], rows[0]['peak_area'], rows[0]['peak_score']) == ('1', '0.200000', '0.1000')
    assert not list(tmp_path.glob('.*'))


def test_rules():
    assert parse_rule(0.5, '2/7') == EventRule(0.5, 2, 7)
    for area, words, message in [
        (0.1, '3of5', "as K/N, for example 3/5, but got '3of5'"),
        (0.1, '4/3', 'Expected 1 <= k <= n .* but got 4 of 3'),
        (0, '1/1', r'in \(0, 1\], but got 0'),
    ]:
        with pytest.raises(ValueError, match=message):
            parse_rule(area, words)


def test_times_in_names():
    for name in ('cam_2024-07-31T14-05-09Z.jpg', '20240731_140509.png', '2024.07.31 14:05:09', '2024_07_31_14h05m09'):
        assert iso_time(time_in(name)) == '2024-07-31T14:05:09.000Z', name
    for name in ('2024-13-31T14-05-09.jpg', 'IMG_20240731.jpg', '120240731140509', 'a.jpg'):
        assert time_in(name) is None, name


def run_lite(*arguments, before=''):
    root = Path(__file__).parents[2]
    code = f'import sys\nsys.path[:0] = [{str(root)!r}]\n{before}\nimport mmwsss_lite\nmmwsss_lite.main()'
    command = [sys.executable, '-c', code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_help_and_one_line_for_every_mistake(tmp_path):
    done = run_lite('--help')
    assert done.returncode == 0 and 'mmwsss-lite model.onnx pictures/ --out masks/' in done.stdout
    (tmp_path / 'no.onnx').write_bytes(b'text')
    for arguments, before, message in [
        ((tmp_path / 'gone.onnx', tmp_path), '', 'Expected an ONNX network in .*gone.onnx, but there is no such file'),
        (
            (tmp_path / 'no.onnx', tmp_path),
            "sys.modules['onnxruntime'] = None",
            'Expected the package onnxruntime. Install it with: pip install onnxruntime',
        ),
    ]:
        done = run_lite(*arguments, '--out', tmp_path / 'out', before=before)
        assert done.returncode == 2 and 'Traceback' not in done.stderr, done.stderr
        assert re.search(f'^error: {message}', done.stderr), done.stderr
    pytest.importorskip('onnxruntime')
    done = run_lite(tmp_path / 'no.onnx', tmp_path, '--out', tmp_path / 'out')
    assert done.returncode == 2 and 'error: Expected an ONNX network in' in done.stderr, done.stderr


def test_a_huge_picture_is_recorded_and_an_empty_folder_refused(tmp_path, monkeypatch):
    class Network:
        classes = ['background', 'smoke']
        is_classifier = False

        def __call__(self, picture):
            return np.zeros(picture.shape[:2], np.uint8), np.ones(picture.shape[:2], np.float32)

        def save(self, label, path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b'')

    monkeypatch.setattr(mmwsss_lite, 'open_network', lambda *_: Network())
    folder = tmp_path / 'pictures'
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match='Expected pictures .* in .*pictures, but there are none'):
        mmwsss_lite.run('m.onnx', folder, tmp_path / 'out')
    for name, side in (('a.png', 8), ('b.png', 64)):
        cv2.imwrite(str(folder / name), np.zeros((side, side, 3), np.uint8))
    monkeypatch.setattr(mmwsss_lite.Image, 'MAX_IMAGE_PIXELS', 1000)  # more than twice as many are refused
    done = mmwsss_lite.run('m.onnx', folder, tmp_path / 'out')
    assert (done['pictures'], done['failed']) == (2, 1)
