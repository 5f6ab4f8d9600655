"""Figures against ten-line NumPy counts and against MMSegmentation's IoUMetric."""

import json

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.structures import SegDataSample

from mmwsss.evaluation import CamFigures, WeakSegMetric, co_occurrence, count_pixels, segmentation_figures
from mmwsss.evaluation.cam_figures import THRESHOLDS


def random_masks(number=6, classes=3, seed=0, ignore=True):
    rng = np.random.default_rng(seed)
    pairs = []
    for index in range(number):
        truth = rng.integers(0, classes + 1, (9, 11)) if index % 3 else np.zeros((9, 11), int)
        pred = np.where(rng.random((9, 11)) < 0.6, truth, rng.integers(0, classes + 1, (9, 11)))
        if ignore:
            truth[0, :4] = 255
        pairs.append((pred.astype(np.uint8), truth.astype(np.uint8)))
    return pairs


def by_hand(pairs, classes):
    per_image, positives, every = [], np.zeros((2, classes + 1)), np.zeros((2, classes + 1))
    for pred, truth in pairs:
        ok = truth != 255
        rows = np.array([[(ok & (pred == c) & (truth == c)).sum(), (ok & ((pred == c) | (truth == c))).sum()]
                         for c in range(classes + 1)]).T  # fmt: skip
        every += rows
        shown = [c for c in range(1, classes + 1) if (truth[ok] == c).any()]
        if shown:
            positives += rows
            per_image += [rows[0, c] / rows[1, c] for c in shown]
    iou = positives[0] / positives[1]
    return np.mean(per_image), iou[1:].mean(), iou.mean(), (every[0] / every[1])


@pytest.mark.parametrize('classes', [1, 3])
def test_figures_equal_a_plain_count(classes):
    pairs = random_masks(classes=classes)
    names = [f'c{i}' for i in range(classes)]
    figures = segmentation_figures([count_pixels(p, t, classes) for p, t in pairs], names)
    image, dataset, mean, every = by_hand(pairs, classes)
    assert figures['iou_image'] == pytest.approx(image)
    assert figures['iou_dataset'] == pytest.approx(dataset)
    assert figures['miou'] == pytest.approx(mean)
    assert figures['all_images']['miou'] == pytest.approx(every.mean())
    clear = [p[t != 255] for p, t in pairs if not ((t > 0) & (t != 255)).any()]
    alarms = figures['false_alarms']
    if classes == 1:
        assert alarms['pixels'] == pytest.approx(np.mean([np.mean(p > 0) for p in clear]))
        assert alarms['images'] == 1.0


def sample(pred, truth):
    item = SegDataSample(metainfo={'img_path': 'x.jpg'})
    item.pred_sem_seg = PixelData(data=torch.from_numpy(pred.astype(np.int64))[None])
    item.gt_sem_seg = PixelData(data=torch.from_numpy(truth.astype(np.int64))[None])
    return item.to_dict()


def test_agrees_with_mmseg(tmp_path):
    pairs = random_masks(classes=3)
    classes = ('background', 'a', 'b', 'c')
    ours, theirs = WeakSegMetric(out_file=str(tmp_path / 'images.json')), IoUMetric()
    for metric in (ours, theirs):
        metric.dataset_meta = {'classes': classes}
        metric.process({}, [sample(*pair) for pair in pairs])
    figures = ours.evaluate(len(pairs))
    expected = theirs.evaluate(len(pairs))
    assert round(100 * figures['all_images_miou'], 2) == pytest.approx(expected['mIoU'], abs=0.011)
    assert len(json.loads((tmp_path / 'images.json').read_text())) == len(pairs)


def test_counts_errors():
    good = np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match=r'one size .* \(2, 2\), \(2, 3\)'):
        count_pixels(good, np.zeros((2, 3)), 1)
    with pytest.raises(ValueError, match=r'Expected ground truth values in \[0, 1\] or 255, but got 7'):
        count_pixels(good, good + 7, 1)


def test_ignored_prediction_counts_as_missed():
    counts = count_pixels(np.array([[255, 1]]), np.array([[1, 1]]), 1)
    assert segmentation_figures([counts], ['a'])['iou_dataset'] == 0.5


def test_empty_set():
    figures = segmentation_figures([], ['a'])
    assert figures['iou_image'] is None and figures['all_images']['num_images'] == 0


@pytest.mark.parametrize('classes', [1, 2])
def test_cam_figures_at_every_threshold(classes):
    rng = np.random.default_rng(1)
    names = [f'c{i}' for i in range(classes)]
    collected, pairs = CamFigures(names), []
    for _ in range(4):
        truth = rng.integers(0, classes + 1, (8, 9)).astype(np.uint8)
        truth[0, 0] = 255
        cam = np.round(rng.random((classes, 8, 9)), 2).astype(np.float32)
        collected.update(cam, truth)
        pairs.append((cam, truth))
    curve = collected.curve()
    for index in (0, 30, 57, 100):
        t = THRESHOLDS[index]
        masks = [(np.where(cam.max(0) > t, cam.argmax(0) + 1, 0).astype(np.uint8), truth) for cam, truth in pairs]
        image, dataset, mean, _ = by_hand(masks, classes)
        figures = collected.at(t)
        assert curve['iou_image'][index] == pytest.approx(image) == figures['iou_image']
        assert curve['iou_dataset'][index] == pytest.approx(dataset)
        assert figures['miou'] == pytest.approx(mean)
    assert collected.best_threshold() == THRESHOLDS[int(np.argmax(curve['iou_dataset']))]
    oracle = collected.compute(0.3)['oracle']
    assert oracle['iou_dataset'] == max(curve['iou_dataset'])
    assert oracle['iou_image'] >= max(curve['iou_image'])


def test_floor_and_co_occurrence():
    truth = np.zeros((4, 5), np.uint8)
    truth[0] = 1
    cam = np.zeros((1, 4, 5), np.float32)
    cam[0, 3] = 1.0
    context = np.zeros((4, 5), bool)
    context[3] = True
    collected = CamFigures(['smoke'])
    collected.update(cam, truth, context)
    collected.update(cam * 0, truth * 0, context)
    figures = collected.compute(0.5)
    assert figures['floor_all_foreground']['iou_dataset'] == 0.25
    assert figures['co_occurrence'] == pytest.approx(4.0)  # all of the energy on a quarter of the area
    assert co_occurrence(np.ones((4, 5)), context) == pytest.approx(1.0)
    assert co_occurrence(np.ones((4, 5)), context * 0) is None
    with pytest.raises(ValueError, match='one size'):
        co_occurrence(np.ones((4, 4)), context)
    with pytest.raises(ValueError, match=r'\(1, 4, 5\), but got \(2, 4, 5\)'):
        collected.update(np.zeros((2, 4, 5)), truth)


def test_dark_channel_of_maps():
    img = np.full((20, 20, 3), (200, 20, 20), np.uint8)
    img[:, 10:] = 200
    truth = np.zeros((20, 20), np.uint8)
    truth[:, 10:] = 1
    figures = CamFigures(['smoke'])
    figures.update((np.arange(20) >= 16)[None, None].repeat(20, 1).astype(np.float32), truth, img=img)
    assert figures.compute(0.3)['dark_channel_ratio'] > 1.5
    without = CamFigures(['smoke'])
    without.update(np.ones((1, 20, 20), np.float32), truth)
    assert 'dark_channel_ratio' not in without.compute(0.3)
