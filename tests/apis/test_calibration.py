"""Frames that show nothing, a network, and a threshold with a bound."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import student_config, toy_data_file, toy_variables, write_toy
from mmengine.registry import init_default_scope

from mmwsss.apis import init_for_maps
from mmwsss.apis.calibration import calibrate, collect_false_alarms
from mmwsss.apis.cam_evaluation import build_source
from mmwsss.apis.score_maps import data_split, scored_frames, split_indices
from mmwsss.config import load_config
from mmwsss.datasets.groups import Grouping
from mmwsss.evaluation.conformal import TooFewBlocksError
from mmwsss.evaluation.regions import critical_score
from mmwsss.registry import MODELS
from mmwsss.utils.spread import spread

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A folder of toy pictures and an untrained segmentor's checkpoint."""
    root = tmp_path_factory.mktemp('toy')
    for split, number in (('train', 30), ('val', 9)):
        write_toy(root, number, split=split)
    data = toy_variables(root, val=True)
    cfg = load_config('configs/seg/lite0_plumes.py', {'img_size': 32, 'pretrained': False}, data=data)
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    with torch.no_grad():
        model.decode_head.conv_seg.weight.mul_(30)  # else every score is about one half
    path = root / 'seg.pth'
    meta = {'cfg': cfg.pretty_text, 'dataset_meta': {'classes': ('background', 'smoke')}}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, path)
    return root, path


def load(root, path):
    data = {**toy_variables(root, val=True), 'negative_classes': ['no_smoke']}
    cfg = load_config('configs/pseudo/segmentor.py', {'img_size': 32, 'num_workers': 0}, data=data)
    return cfg, init_for_maps(cfg, path)


def test_the_bound_is_that_of_the_scores(trained):
    cfg, model = load(*trained)
    dataset = data_split(cfg, 'train')
    negative = split_indices(dataset)[1]
    assert len(negative) == 10
    grouping = Grouping(pattern=r'(picture \d+)')
    bound = calibrate(cfg, model, dataset, 0.2, grouping=grouping, min_share=0.01)
    frames = list(scored_frames(cfg, model, dataset, negative))
    assert [frame.index for frame in frames] == negative
    critical = [critical_score(frame.scores[0], 20) for frame in frames]  # 48 x 40 pixels, 1 % of them is 19.2
    assert len(set(critical)) == 10
    assert bound.threshold == pytest.approx(sorted(critical)[-2]) and bound.blocks == bound.frames == 10
    assert bound.observed == pytest.approx(0.1)
    assert all(frame.scores.shape == (1, 48, 40) for frame in frames)
    with pytest.raises(TooFewBlocksError, match=r'at least 9 blocks .* but got 2 \(10 frames\)'):
        calibrate(cfg, model, dataset, 0.1)  # two folders


def test_frames_with_a_class_are_passed_over(trained):
    cfg, model = load(*trained)
    dataset = data_split(cfg, 'val')
    positive, negative = split_indices(dataset)
    assert collect_false_alarms(cfg, model, dataset, limit=2).risk_at(0.0) == 1
    with pytest.raises(ValueError, match='but all 9 show one'):
        collect_false_alarms(cfg, model, dataset, indices=[])
    assert len(positive) == 6 and not set(positive) & set(negative)
    assert spread(list(range(7)), None) == list(range(7)) and len(set(spread(range(100), 7))) == 7


def test_masks_are_not_even_named(trained):
    cfg, _ = load(*trained)
    assert 'seg_map_path' in cfg.pseudo_set.data_prefix
    assert not any('seg_map_path' in data_split(cfg, 'val').get_data_info(index) for index in range(9))
    with pytest.raises(ValueError, match="Expected data with a split 'test'"):
        data_split(cfg, 'test')


def test_a_classifiers_maps_are_weighed_by_its_own_doubt(trained):
    """Normalised maps reach 1 on every frame; times the probability of the class they do not."""
    root, _ = trained
    data = {**toy_variables(root, val=True), 'negative_classes': ['no_smoke']}
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    model = MODELS.build(student_config({'img_size': 32}, data).model).eval()
    options = {'img_size': 32, 'scales': [1.0], 'num_workers': 0, 'size_divisor': 8}
    cfg = load_config('configs/pseudo/rollout_ms.py', options, data=data, scale='configs/scales/small.py')
    dataset = data_split(cfg, 'val')
    for frame, item in zip(scored_frames(cfg, model, dataset, [0, 1]), build_source(cfg, model, dataset, [[0, 1]])):
        assert 0.9 * item.scores[0] < frame.scores.max() < item.scores[0] + 1e-6 and item.scores[0] < 0.9


def test_the_tool(trained, tmp_path):
    root, path = trained
    command = [sys.executable, 'tools/calibrate.py', 'configs/pseudo/segmentor.py', str(path)]
    command += ['--data', str(toy_data_file(root, val=True)), '--split', 'val', '--alpha', '0.3', '--risk', 'pixels']
    command += ['--blocks', r'(picture \d+)', '--out', str(tmp_path / 'bound.json')]
    command += ['--cfg-options', 'img_size=32', 'num_workers=0']
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / 'bound.json').read_text())
    assert found['blocks'] == 3 and found['needed'] == 3 and found['observed'] <= 0.3
    assert 'exchangeable with the 3 blocks' in found['promise'] and np.isfinite(found['threshold'])
    done = subprocess.run([*command, '--alpha', '0.01'], capture_output=True, text=True, timeout=200, cwd=ROOT)
    assert done.returncode == 2 and 'error: Expected at least 99 blocks' in done.stderr
    done = subprocess.run([*command, '--split', 'train'], capture_output=True, text=True, timeout=200, cwd=ROOT)
    assert done.returncode == 2 and 'there are no frames that trained nothing' in done.stderr
