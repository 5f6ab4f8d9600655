"""Figures against ten-line NumPy counts and against MMSegmentation's IoUMetric."""

import json

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.structures import SegDataSample

from mmwsss.evaluation import (
    CamFigures,
    PixelCounts,
    SegmentationFigures,
    WeakSegMetric,
    co_occurrence,
    count_pixels,
    segmentation_figures,
    value_counts,
)
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
        assert alarms['large_images'] == pytest.approx(np.mean([np.mean(p > 0) > 0.01 for p in clear]))


def test_a_small_false_alarm_is_not_a_large_one():
    truth, few, many = np.zeros((3, 20, 20), np.uint8)
    few[0, :4], many[0, :5] = 1, 1  # 1 % of the area is not above it
    figures = segmentation_figures([count_pixels(pred, truth, 1) for pred in (truth, few, many, many)], ['smoke'])
    assert figures['false_alarms'] == {'pixels': 14 / 1600, 'images': 0.75, 'large_images': 0.5}


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
    with pytest.raises(ValueError, match=r'Expected prediction values in \[0, 1\] or 255, but got 2'):
        count_pixels(good + 2, good, 1)
    with pytest.raises(ValueError, match=r'Expected ground truth values in \[0, 255\], but got 300 to 300'):
        count_pixels(good, good.astype(int) + 300, 1)


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
        collected.update(cam, np.arange(classes), truth)
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
    collected.update(cam, [0], truth, context)
    collected.update(cam * 0, [0], truth * 0, context)
    figures = collected.compute(0.5)
    assert figures['floor_all_foreground']['iou_dataset'] == 0.25
    assert figures['co_occurrence'] == pytest.approx(4.0)  # all of the energy on a quarter of the area
    assert co_occurrence(np.ones((4, 5)), context) == pytest.approx(1.0)
    assert co_occurrence(np.ones((4, 5)), context * 0) is None
    with pytest.raises(ValueError, match='one size'):
        co_occurrence(np.ones((4, 4)), context)
    with pytest.raises(ValueError, match=r'\(1, 4, 5\), but got \(2, 4, 5\)'):
        collected.update(np.zeros((2, 4, 5)), [0], truth)
    with pytest.raises(ValueError, match=r'ascending class indices in \[0, 0\], but got \[1\]'):
        collected.update(cam, [1], truth)
    with pytest.raises(ValueError, match=r'Expected ground truth values in \[0, 1\] or 255, but got 2'):
        collected.update(cam, [0], truth + 1)


def test_dark_channel_of_maps():
    img = np.full((20, 20, 3), (200, 20, 20), np.uint8)
    img[:, 10:] = 200
    truth = np.zeros((20, 20), np.uint8)
    truth[:, 10:] = 1
    figures = CamFigures(['smoke'])
    figures.update((np.arange(20) >= 16)[None, None].repeat(20, 1).astype(np.float32), [0], truth, img=img)
    assert figures.compute(0.3)['dark_channel_ratio'] > 1.5
    without = CamFigures(['smoke'])
    without.update(np.ones((1, 20, 20), np.float32), [0], truth)
    assert 'dark_channel_ratio' not in without.compute(0.3)


def random_maps(number, num_classes, seed=0):
    """Images with some classes, maps of right and wrong ones, pixels to ignore; every third is negative."""
    rng = np.random.default_rng(seed)
    for index in range(number):
        truth = np.zeros((8, 9), np.uint8)
        if index % 3:
            chosen = rng.choice(num_classes, min(rng.integers(1, 3), num_classes), replace=False) + 1
            truth = rng.choice([0, *chosen], (8, 9)).astype(np.uint8)
        truth[rng.random((8, 9)) < 0.1] = 255
        classes = np.flatnonzero((rng.random(num_classes) < 0.3) | np.isin(np.arange(1, num_classes + 1), truth))
        yield np.round(rng.random((len(classes), 8, 9)), 2).astype(np.float32), classes, truth


def plain_figures(images, num_classes, thresholds):
    """Every figure from boolean masks of all classes, image by image and threshold by threshold."""
    union_of = {}  # (image, threshold): intersections and unions of background and classes, predicted pixels
    for number, (cam, classes, truth) in enumerate(images):
        valid = truth != 255
        full = np.zeros((num_classes, *truth.shape), np.float32)
        full[classes] = cam
        for t, threshold in enumerate(thresholds):
            pred = np.where(full.max(0) > threshold, full.argmax(0) + 1, 0)
            both = [(valid & (pred == c) & (truth == c)).sum() for c in range(num_classes + 1)]
            either = [(valid & ((pred == c) | (truth == c))).sum() for c in range(num_classes + 1)]
            union_of[number, t] = np.array(
                [both, either, [(valid & (pred == c)).sum() for c in range(num_classes + 1)]]
            )
    shown = [[c for c in range(1, num_classes + 1) if (truth == c).any()] for _, _, truth in images]
    sizes = np.array([(truth != 255).sum() for _, _, truth in images])
    figures = []
    for t in range(len(thresholds)):
        tables = np.stack([union_of[number, t] for number in range(len(images))])
        positive = tables[[bool(s) for s in shown]].sum(0)
        ious = [tables[i, 0, c] / tables[i, 1, c] for i, s in enumerate(shown) for c in s]
        alarms = []
        for c in range(1, num_classes + 1):
            without = [i for i, s in enumerate(shown) if c not in s]
            if without:
                alarms.append((tables[without, 2, c].sum() / sizes[without].sum(), (tables[without, 2, c] > 0).mean()))
        with np.errstate(invalid='ignore'):
            per_class, of_all = positive[0] / positive[1], tables.sum(0)[0] / tables.sum(0)[1]
        figures.append({
            'iou_image': np.mean(ious), 'iou_dataset': np.nanmean(per_class[1:]), 'miou': np.nanmean(per_class),
            'all': np.nanmean(of_all), 'alarm_pixels': np.mean([a[0] for a in alarms]),
            'alarm_images': np.mean([a[1] for a in alarms]), 'per_class': per_class,
        })  # fmt: skip
    best = np.mean(
        [
            max(union_of[i, t][0, c] / union_of[i, t][1, c] for t in range(len(thresholds)))
            for i, s in enumerate(shown)
            for c in s
        ]
    )
    return figures, best


@pytest.mark.parametrize('num_classes', [1, 3, 12])
@pytest.mark.parametrize('strip', [1 << 20, 30])
def test_running_sums_equal_a_plain_count_of_all_classes(num_classes, strip, monkeypatch):
    monkeypatch.setattr('mmwsss.utils.strips._VALUES', strip)
    images = list(random_maps(9, num_classes))
    collected = CamFigures([f'c{index}' for index in range(num_classes)])
    for image in images:
        collected.update(*image)
    expected, best = plain_figures(images, num_classes, THRESHOLDS)
    curve = collected.curve()
    for index, figures in enumerate(expected):
        found = collected.at(THRESHOLDS[index])
        assert found['iou_image'] == pytest.approx(figures['iou_image']) == curve['iou_image'][index]
        assert found['iou_dataset'] == pytest.approx(figures['iou_dataset']) == curve['iou_dataset'][index]
        assert found['miou'] == pytest.approx(figures['miou'])
        assert found['all_images']['miou'] == pytest.approx(figures['all'])
        assert found['false_alarms']['pixels'] == pytest.approx(figures['alarm_pixels'])
        assert found['false_alarms']['images'] == pytest.approx(figures['alarm_images'])
        values = [np.nan if value is None else value for value in found['per_class'].values()]
        assert values == pytest.approx(figures['per_class'].tolist(), nan_ok=True)
    oracle = collected.compute(0.3)['oracle']
    assert oracle['iou_image'] == pytest.approx(best)
    assert oracle['miou'] == pytest.approx(max(figures['miou'] for figures in expected))


def test_negatives_alone_and_no_image():
    collected = CamFigures(['a', 'b'])
    with pytest.raises(ValueError, match='Expected at least one image'):
        collected.compute(0.3)
    collected.update(np.full((1, 4, 4), 0.5), [1], np.zeros((4, 4), np.uint8))
    collected.update(np.zeros((0, 4, 4)), [], np.full((4, 4), 255))
    figures = collected.compute(0.3)
    assert figures['iou_image'] is None and figures['iou_dataset'] is None and figures['oracle']['iou_image'] is None
    assert figures['num_images'] == 0 and figures['all_images']['num_images'] == 2
    # of two classes one, on one of two images
    assert figures['false_alarms'] == {'pixels': 0.5, 'images': 0.25, 'large_images': 0.25}
    assert set(figures['oracle'].values()) == {None} and not collected.shows_a_class
    for chosen in (collected.best_threshold, lambda: collected.best_threshold('miou'), collected.curve):
        with pytest.raises(
            ValueError, match='Expected a mask that shows a class .* but got 2 images of background alone'
        ):
            chosen()
    collected.update(np.full((1, 4, 4), 0.5), [1], np.full((4, 4), 2, np.uint8))
    assert collected.shows_a_class and collected.best_threshold() == 0


def test_merged_sums_are_those_of_all_images():
    names = ['a', 'b', 'c']
    pairs = random_masks(number=7)
    counts = [count_pixels(*pair, 3) for pair in pairs]
    merged = SegmentationFigures(names)
    for part in (counts[:2], counts[2:6], [], counts[6:]):
        other = SegmentationFigures(names)
        for image in part:
            other.update(image)
        merged.merge(other)
    assert merged.compute() == segmentation_figures(counts, names)
    with pytest.raises(ValueError, match=r"Expected figures of \('a', 'b', 'c'\) at 1 thresholds, but got \('a',\)"):
        merged.merge(SegmentationFigures(['a']))
    with pytest.raises(ValueError, match=r'Expected counts at 1 thresholds of values up to 3, but got .* \[4\]'):
        merged.update(PixelCounts.from_list([[4, 0, 1, 0]]))


def test_counts_of_the_classes_that_occur_only():
    pred, truth = np.array([[7, 7, 0, 255]], np.uint8), np.array([[7, 0, 0, 40]], np.uint8)
    counts = count_pixels(pred, truth, 80)
    assert counts.to_list() == [[0, 1, 1, 2], [7, 1, 2, 1], [40, 0, 0, 1]]
    again = PixelCounts.from_list(json.loads(json.dumps(counts.to_list())))
    assert again.to_list() == counts.to_list() and PixelCounts.from_list([]).to_list() == []
    assert value_counts(pred)[[0, 7, 255]].tolist() == [1, 2, 1]


@pytest.mark.parametrize('size', [5, 6, 7, 1])
def test_metric_over_processes(size, monkeypatch):
    """Each process of three counts its images; what the sampler fills up with counts once."""
    world, classes = 3, ('background', 'a', 'b', 'c')
    pairs = random_masks(number=size)
    per_process = -(-size // world)
    indices = (list(range(size)) * world)[: per_process * world]  # MMEngine's DefaultSampler
    states = []
    for rank in range(world):
        metric = WeakSegMetric(out_file='never written')
        metric.dataset_meta = {'classes': classes}
        for index in indices[rank::world]:
            item = sample(*pairs[index])
            item['img_path'] = f'{index}.jpg'
            metric.process({}, [item])
        monkeypatch.setattr('mmwsss.evaluation.metric.get_world_size', lambda: world)
        monkeypatch.setattr('mmwsss.evaluation.metric.get_rank', lambda rank=rank: rank)
        monkeypatch.setattr('mmengine.evaluator.BaseMetric.evaluate', lambda self, size: self.results)
        states += metric.evaluate(size)
    written = []
    monkeypatch.setattr('mmwsss.evaluation.metric.write_json', lambda path, content: written.extend(content))
    found = metric.compute_metrics(states)
    assert [row['img_path'] for row in written] == [f'{index}.jpg' for index in range(size)]
    expected = segmentation_figures([count_pixels(*pair, 3) for pair in pairs], classes[1:])
    if expected['iou_image'] is not None:
        assert found['iou_image'] == pytest.approx(expected['iou_image'])
    assert found['all_images_miou'] == pytest.approx(expected['all_images']['miou'])
    assert found['false_alarm_images'] == pytest.approx(expected['false_alarms']['images'])
