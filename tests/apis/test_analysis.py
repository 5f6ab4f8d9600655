"""What looks at data, trainings and networks: browse, logs, confusion, cost."""

import json

import numpy as np
import pytest
import torch
from conftest import SMALL, toy_variables, write_toy
from mmengine.registry import MODELS, init_default_scope
from PIL import Image

from mmwsss.apis.browsing import browse
from mmwsss.apis.confusion import draw_confusion, markdown_table, segmentor_confusion
from mmwsss.apis.cost import network_cost
from mmwsss.config import load_config
from mmwsss.visualization.training_logs import draw_logs, log_table

SEG = {'img_size': 32, 'batch_size': 4, 'num_workers': 0, 'pretrained': False}


@pytest.fixture
def root(tmp_path):
    for split in ('train', 'test'):
        write_toy(tmp_path / 'toy', 12, split=split)
    return tmp_path / 'toy'


def composites(root, **more):
    return load_config('configs/seg/lite0_plumes.py', {**SEG, 'plume_chance': 1.0, **more}, data=toy_variables(root))


def test_browse_shows_what_the_loss_gets(root, tmp_path):
    done = browse(composites(root), tmp_path / 'a', number=6, columns=2, side=32)
    assert (done['images'], done['pasted'], done['by_class']) == (6, 6, {'smoke': 6}) and done['ignored'] == 0
    (path,) = done['files']
    first = np.asarray(Image.open(path))
    assert first.shape == (3 * (32 + 14 + 4) + 4, 2 * 3 * (32 + 4) + 4, 3)  # picture, labels, matte
    again = browse(composites(root), tmp_path / 'b', number=6, side=32)['files'][0]
    later = browse(composites(root), tmp_path / 'c', number=6, side=32, epoch=1)['files'][0]
    assert (np.asarray(Image.open(again)) == first).all() and not (np.asarray(Image.open(later)) == first).all()
    none = browse(composites(root, plume_chance=0.0), tmp_path / 'd', number=5, side=32)
    assert (none['pasted'], none['by_class']) == (0, {'smoke': 0})


def test_browse_shows_labels_of_images(root, tmp_path):
    cfg = load_config('configs/vitb.py', {**SMALL, 'pretrained': False}, data=toy_variables(root), scale='small')
    done = browse(cfg, tmp_path / 'a', number=12, columns=3, side=16)
    assert done['by_class'] == {'smoke': 8} and done['pasted'] == 0 and done['ignored'] is None
    for arguments, message in [
        ({'number': 0}, 'Expected number >= 1, but got 0'),
        ({'side': 3}, 'Expected side >= 16, but got 3'),
        ({'epoch': -1}, 'Expected epoch >= 0, but got -1'),
    ]:
        with pytest.raises(ValueError, match=message):
            browse(cfg, tmp_path / 'a', **arguments)
    cfg.train_dataloader = None
    with pytest.raises(ValueError, match='Expected a train_dataloader in'):
        browse(cfg, tmp_path / 'a')


def test_cost_counts_a_known_network():
    cfg = load_config('configs/seg/lite0_plumes.py', SEG)
    found = network_cost(cfg, rounds=1)
    init_default_scope('mmseg')
    model = MODELS.build(cfg.model)
    assert found['parameters'] == sum(value.numel() for value in model.parameters())
    operations = 0

    def count(layer, inputs, output):
        nonlocal operations
        operations += output.numel() * layer.weight[0].numel()  # a multiplication and an addition count once

    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.no_grad():
        model.eval()(torch.rand(1, 3, 32, 32))
    assert operations <= found['operations'] < 1.2 * operations  # norms and resizing are counted beside convolutions
    assert found['size'] == [32, 32] and found['milliseconds'] > 0
    larger = network_cost(cfg, (64, 32), rounds=0)
    assert larger['operations'] == pytest.approx(2 * found['operations'], rel=0.05) and 'milliseconds' not in larger
    with pytest.raises(ValueError, match='Expected a training config with a model'):
        network_cost(load_config('configs/pseudo/segmentor.py'))


def test_confusion_of_a_segmentor(root, tmp_path):
    """Rows sum to the true pixels; a segmentor that says background everywhere gives the first column all."""
    cfg = load_config('configs/seg/lite0_plumes.py', SEG, data=toy_variables(root, test=True))
    init_default_scope('mmseg')
    model = MODELS.build(cfg.model)
    torch.nn.init.zeros_(model.decode_head.conv_seg.weight)
    model.decode_head.conv_seg.bias.data = torch.tensor([1.0, 0.0])
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'w.pth')
    names, matrix = segmentor_confusion(cfg, tmp_path / 'w.pth', tmp_path / 'log')
    truths = [np.asarray(Image.open(path)) for path in (root / 'ann' / 'test').rglob('*.png')]
    expected = [sum(int((truth == value).sum()) for truth in truths) for value in (0, 1)]
    assert names == ['smoke'] and matrix.tolist() == [[expected[0], 0, 0], [expected[1], 0, 0]]
    assert markdown_table(names, matrix).splitlines()[-1] == f'| smoke | {expected[1]:,} | 100.0 | 0.0 |'
    draw_confusion(names, matrix, tmp_path / 'c.png')
    assert Image.open(tmp_path / 'c.png').size[0] > 100
    with pytest.raises(ValueError, match="Expected a config of kind 'segmentor', but .* is of kind 'classifier'"):
        segmentor_confusion(load_config('configs/vitb.py'), tmp_path / 'w.pth')


def test_logs_side_by_side(tmp_path):
    for name, factor in (('a', 1), ('b', 2)):
        folder = tmp_path / name / '2026' / 'vis_data'
        folder.mkdir(parents=True)
        rows = [{'loss': factor * value, 'time': 0.5, 'step': step} for step, value in enumerate((4.0, 1.0, 2.0), 1)]
        rows += [{'iou_dataset': 0.25, 'step': 3}] if name == 'a' else []
        (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, rows)) + '\n{"loss": 1')
    folders = [tmp_path / 'a', tmp_path / 'b']
    lines = log_table(folders).splitlines()
    assert f'| {folders[1]} | loss | 8 | 4 | 2 (2) | 8 (1) |' in lines
    assert f'| {folders[0]} | iou_dataset | 0.25 | 0.25 | 0.25 (3) | 0.25 (3) |' in lines
    assert f'| {folders[0]} | seconds a step (median) | | 0.5 | | |' in lines
    draw_logs(folders, ['loss', 'iou_dataset'], tmp_path / 'c.png')
    assert Image.open(tmp_path / 'c.png').size == (720, 720)
    with pytest.raises(ValueError, match=r"Expected values of \['iou_dataset', 'loss'\], but got 'lr'"):
        draw_logs(folders, ['lr'], tmp_path / 'd.png')
    with pytest.raises(FileNotFoundError, match='Expected a log of a training in'):
        log_table([tmp_path])
