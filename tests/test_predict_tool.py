"""mmwsss predict as a user calls it."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

ROOT = Path(__file__).parents[1]
MODEL = {
    'type': 'EncoderDecoder',
    'data_preprocessor': {'type': 'SegDataPreProcessor', 'mean': [0.0] * 3, 'std': [255.0] * 3, 'bgr_to_rgb': True},
    'backbone': {'type': 'ResNet', 'depth': 18, 'base_channels': 4, 'stem_channels': 4, 'out_indices': (0,),
                 'num_stages': 1, 'strides': (1,), 'dilations': (1,)},
    'decode_head': {'type': 'FCNHead', 'in_channels': 4, 'channels': 4, 'num_convs': 0, 'num_classes': 2,
                    'concat_input': False, 'align_corners': False, 'loss_decode': {'type': 'CrossEntropyLoss'}},
    'test_cfg': {'mode': 'whole'},
}  # fmt: skip


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """A checkpoint and a clip."""
    from mmwsss.registry import MODELS

    root = tmp_path_factory.mktemp('work')
    init_default_scope('mmseg')
    torch.manual_seed(0)
    config = Config({
        'model': MODEL, 'default_scope': 'mmseg',
        'test_pipeline': [{'type': 'mmwsss.LoadPicture'}, {'type': 'Resize', 'scale': (64, 48)},
                          {'type': 'PackSegInputs'}],
    })  # fmt: skip
    built = MODELS.build(config.model)
    meta = {'cfg': config.pretty_text, 'dataset_meta': {'classes': ['background', 'smoke']}}
    torch.save({'state_dict': built.state_dict(), 'meta': meta}, root / 'seg.pth')
    film = cv2.VideoWriter(str(root / 'clip.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 5, (64, 48))
    for index in range(6):
        film.write(np.random.default_rng(index).integers(0, 255, (48, 64, 3), np.uint8))
    film.release()
    return root


def call(*words):
    command = [sys.executable, 'tools/predict.py', *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT)


def test_a_film_twice(work, tmp_path):
    words = [work / 'seg.pth', work / 'clip.avi', '--out', tmp_path / 'out', '--median', 3, '--event-frames', '1/1']
    words += ['--start', '2024-07-31T14:00:00', '--camera', 'north', '--outputs', 'film', 'frames', 'polygons']
    done = call(*words)
    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads(done.stdout)
    assert summary['frames'] == summary['ok'] == summary['made_now'] == 6
    assert 'frames: 6/6' in done.stderr and 'Traceback' not in done.stderr
    with open(tmp_path / 'out' / 'area.csv', encoding='utf-8') as handle:
        rows = list(csv.DictReader(handle))
    assert [row['time'] for row in rows][:2] == ['2024-07-31T14:00:00.000Z', '2024-07-31T14:00:00.200Z']
    assert {row['camera'] for row in rows} == {'north'}
    found = {path.name for path in (tmp_path / 'out').iterdir()}
    assert {'masks', 'frames', 'film.mp4', 'polygons.jsonl', 'events.csv', 'summary.json', 'run.json'} <= found
    again = call(*words[:5], 5, *words[6:])
    assert again.returncode == 2 and 'were made by another run: config_hash' in again.stderr
    assert 'Traceback' not in again.stderr


def test_errors_are_told_before_the_network_is_built(work, tmp_path, monkeypatch, capsys):
    import runpy

    def error(*words):
        monkeypatch.setattr(sys, 'argv', ['predict.py', *map(str, words), '--out', str(tmp_path / 'out')])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / 'tools' / 'predict.py'), run_name='__main__')
        assert end.value.code == 2 and not (tmp_path / 'out').exists()
        return capsys.readouterr().err

    seg, clip = work / 'seg.pth', work / 'clip.avi'
    for words, message in [
        ((seg, work / 'gone.mp4'), 'or the address of a camera in'),
        ((seg, work / 'seg.pth'), 'Expected pictures, a list of pictures or a film that OpenCV reads in'),
        ((work / 'gone.pth', clip), 'gone.pth'),
        ((clip, clip), 'clip.avi'),
        ((seg, clip, '--median', 2), 'Expected an odd number of frames for the median over time, but got 2.'),
        ((seg, clip, '--event-frames', '3'), "as K/N, for example 3/5, but got '3'"),
        ((seg, clip, '--start', 'noon'), "for --start, but got 'noon'"),
        ((seg, clip, '--cameras', 'gone.yaml'), 'Expected a file of cameras in gone.yaml'),
        ((seg, clip, '--tile', 3), 'Expected tiles of at least 16 pixels'),
        ((seg, clip, '--cfg-options', 'a=1'), 'Expected --maps beside --cfg-options'),
        ((seg, clip, '--max-frames', 3), 'Expected --max-frames for a camera alone'),
    ]:
        assert message in error(*words), words
