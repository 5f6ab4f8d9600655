"""Small trees in the layouts of VOC 2012 and COCO 2014, from the converter to the figures."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, student_config
from PIL import Image
from pycocotools import mask as coder

import mmwsss
from mmwsss.apis import evaluate_protocol, init_classifier, make_pseudo, train
from mmwsss.config import load_config, load_data
from mmwsss.datasets.converters.coco import convert_coco, semantic_mask
from mmwsss.datasets.converters.voc import CLASSES, convert_voc
from mmwsss.datasets.metainfo import IGNORE_LABEL, png_palette
from mmwsss.evaluation import protocols
from mmwsss.utils.files import read_json

ROOT = Path(mmwsss.__file__).parents[1]


def write_voc(root, train=4, val=3, aug=3, without_xml=()):
    """Pictures of boats and persons with squares for masks."""
    rng = np.random.default_rng(0)
    for folder in ('JPEGImages', 'Annotations', 'SegmentationClass', 'SegmentationClassAug', 'ImageSets/Segmentation'):
        (root / folder).mkdir(parents=True)
    names = {'train': [f't{i}' for i in range(train)], 'val': [f'v{i}' for i in range(val)]}
    names['aug'] = [f'a{i}' for i in range(aug)]
    for split in ('train', 'val'):
        (root / f'ImageSets/Segmentation/{split}.txt').write_text('\n'.join(names[split]))
    for number, name in enumerate(sum(names.values(), [])):
        labels = [['boat'], ['person'], ['boat', 'person']][number % 3]
        img = rng.integers(0, 90, (40, 48, 3)).astype(np.uint8)
        mask = np.zeros((40, 48), np.uint8)
        for place, label in enumerate(labels):
            window = (slice(5, 25), slice(4 + 22 * place, 22 + 22 * place))
            img[window] = 200 if label == 'boat' else (250, 60, 60)
            mask[window] = CLASSES.index(label) + 1
        mask[0] = IGNORE_LABEL
        Image.fromarray(img).save(root / f'JPEGImages/{name}.jpg')
        picture = Image.fromarray(mask)
        picture.putpalette(png_palette(20))
        for folder in ('SegmentationClass', 'SegmentationClassAug'):
            if name not in names['aug'] or folder.endswith('Aug'):
                picture.save(root / folder / f'{name}.png')
        objects = ''.join(f'<object><name>{label}</name><difficult>0</difficult></object>' for label in labels * 2)
        if name not in without_xml:
            (root / f'Annotations/{name}.xml').write_text(f'<annotation>{objects}</annotation>')
    return root


def test_voc_labels_and_splits(tmp_path):
    root = write_voc(tmp_path / 'VOC2012')
    report = convert_voc(root)
    assert {split: found['images'] for split, found in report.items()} == {'train': 4, 'val': 3, 'train_aug': 7}
    assert report['train_aug']['masks'] == 7 and report['train']['masks'] == 4
    assert report['train']['expected'] == 1464 and report['val']['expected'] == 1449
    assert report['train_aug']['expected'] == 10582
    content = read_json(root / 'annotations/train.json')
    assert content['metainfo']['classes'] == list(CLASSES)
    assert content['data_list'][2] == {'img_path': 't2.jpg', 'gt_label': [3, 14]}
    assert report['train']['per_class']['boat'] == 3 and report['train']['per_class']['person'] == 2
    assert 'v0' not in [Path(e['img_path']).stem for e in read_json(root / 'annotations/train_aug.json')['data_list']]


def test_voc_says_what_is_missing(tmp_path):
    root = write_voc(tmp_path / 'VOC2012', without_xml=('t1', 'a0'))
    (root / 'JPEGImages/v1.jpg').unlink()
    report = convert_voc(root, tmp_path / 'out')
    assert report['train']['missing'] == {'t1': 'no Annotations/t1.xml and no label in the label file'}
    assert report['val']['missing'] == {'v1': 'no picture JPEGImages/v1.jpg'}
    assert not (tmp_path / 'out/annotations/train.json').exists()
    (tmp_path / 'labels.json').write_text(json.dumps({'t1': ['person'], 'a0': ['boat']}))
    report = convert_voc(root, tmp_path / 'out', tmp_path / 'labels.json')
    assert not report['train']['missing'] and (tmp_path / 'out/annotations/train_aug.json').exists()
    command = [sys.executable, 'tools/dataset_converters/voc.py', root, '--out', tmp_path / 'out']
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 1
    assert 'train: 3 images (the literature has 1464), 4 masks: NOT written, 1 missing' in done.stdout
    (root / 'ImageSets/Segmentation/val.txt').unlink()
    with pytest.raises(FileNotFoundError, match=r'Expected the list .*val\.txt of VOC 2012'):
        convert_voc(root)
    with pytest.raises(FileNotFoundError, match='with JPEGImages in'):
        convert_voc(tmp_path)


@pytest.mark.filterwarnings('ignore')
def test_voc_through_the_chain(tmp_path, monkeypatch):
    root = write_voc(tmp_path / 'VOC2012', train=6, aug=6)
    convert_voc(root)
    tiny = {**SMALL, 'embed_dims': 32, 'num_layers': 2}
    data = {**load_data('voc12'), 'dataset_root': str(root)}
    train(student_config(tiny, data), tmp_path / 'work', quiet=True)
    checkpoint = tmp_path / 'work/epoch_1.pth'
    maps = {'img_size': 32, 'scales': [1.0], 'size_divisor': 8, 'method': 'cam', 'per_scale_min_max': False}
    cfg = load_config('configs/pseudo/gradcam_ms_crf.py', maps, data=data)
    summary = make_pseudo(cfg, checkpoint, tmp_path / 'masks')
    assert summary['ok'] == 12 and set(summary['mask']['per_class']) == {'background', *CLASSES}
    values = set()
    for path in (tmp_path / 'masks/masks').rglob('*.png'):
        values |= set(np.unique(np.array(Image.open(path))))
    assert values <= {0, 4, 15}  # classes of the labels only
    model = init_classifier(checkpoint)
    cfg = load_config('configs/pseudo/gradcam_ms.py', maps, data=data)
    with pytest.raises(ValueError, match='Expected 1464 images for the protocol train_1464_fixed, but got 6'):
        evaluate_protocol(cfg, model, 'train_1464_fixed', 0.3)
    with pytest.raises(ValueError, match=r"Expected a protocol of .*'val'\], but got 'trainval'"):
        evaluate_protocol(cfg, model, 'trainval', 0.3)
    small = {
        name: protocols.EvaluationProtocol(
            p.ann, {'annotations/train.json': 6, 'annotations/val.json': 3}[p.ann], p.oracle
        )
        for name, p in protocols.PROTOCOLS.items()
    }
    monkeypatch.setattr(protocols, 'PROTOCOLS', small)
    fixed = evaluate_protocol(cfg, model, 'train_1464_fixed', 0.3)
    oracle = evaluate_protocol(cfg, model, 'train_1464_oracle', 0.3)
    assert (fixed['is_oracle'], oracle['is_oracle']) == (False, True) and fixed['threshold'] == 0.3
    assert oracle['miou'] >= fixed['miou'] and not fixed['crf']
    crf = evaluate_protocol(cfg, model, 'val', 0.3, crf=True)
    assert crf['crf'] and crf['protocol'] == 'val' and crf['num_images'] == 3


def coco_tree(root):
    rng = np.random.default_rng(0)
    (root / 'annotations').mkdir(parents=True)
    (root / 'train2014').mkdir()
    binary = np.zeros((30, 40), np.uint8)
    binary[5:25, 5:35] = 1
    small = np.zeros((30, 40), np.uint8)
    small[10:15, 10:20] = 1
    crowd = np.zeros((30, 40), np.uint8)
    crowd[0:4, 0:40] = 1

    def code(mask):
        found = coder.encode(np.asfortranarray(mask))
        return {'size': found['size'], 'counts': found['counts'].decode()}

    content = {
        'images': [
            {'id': i, 'file_name': f'COCO_train2014_{i:012d}.jpg', 'height': 30, 'width': 40} for i in (7, 3, 5)
        ],
        'categories': [{'id': 90, 'name': 'toothbrush'}, {'id': 1, 'name': 'person'}, {'id': 13, 'name': 'stop sign'}],
        'annotations': [
            {'image_id': 3, 'category_id': 1, 'area': 50, 'segmentation': code(small), 'iscrowd': 0},
            {'image_id': 3, 'category_id': 90, 'area': 600, 'segmentation': code(binary), 'iscrowd': 0},
            {'image_id': 5, 'category_id': 13, 'area': 160, 'segmentation': code(crowd), 'iscrowd': 1},
            {'image_id': 5, 'category_id': 1, 'area': 100, 'iscrowd': 0,
             'segmentation': [[10.0, 10.0, 20.0, 10.0, 20.0, 20.0, 10.0, 20.0]]},
        ],
    }  # fmt: skip
    for image in content['images']:
        Image.fromarray(rng.integers(0, 255, (30, 40, 3)).astype(np.uint8)).save(
            root / 'train2014' / image['file_name']
        )
    (root / 'annotations/instances_train2014.json').write_text(json.dumps(content))
    return content, binary, small, crowd


def test_coco_labels_masks_and_negatives(tmp_path):
    _, binary, small, crowd = coco_tree(tmp_path / 'coco')
    found = convert_coco(tmp_path / 'coco', tmp_path / 'out')
    assert (found['images'], found['negatives'], found['classes'], found['expected']) == (3, 1, 3, 82783)
    assert found['per_class'] == {'person': 2, 'stop sign': 1, 'toothbrush': 1}  # in the order of COCO's ids
    labels = {e['img_path']: e['gt_label'] for e in read_json(tmp_path / 'out/annotations/train2014.json')['data_list']}
    assert [labels[f'COCO_train2014_{i:012d}.jpg'] for i in (3, 5, 7)] == [[0, 2], [0, 1], []]
    mask = np.array(Image.open(tmp_path / 'out/ann_dir/train2014/COCO_train2014_000000000003.png'))
    expected = np.where(small, 1, np.where(binary, 3, 0))  # the smaller one is on top
    assert np.array_equal(mask, expected)
    mask = np.array(Image.open(tmp_path / 'out/ann_dir/train2014/COCO_train2014_000000000005.png'))
    assert (mask[crowd > 0] == 2).all() and (mask[12:18, 12:18] == 1).all()
    assert not np.array(Image.open(tmp_path / 'out/ann_dir/train2014/COCO_train2014_000000000007.png')).any()
    path = tmp_path / 'out/ann_dir/train2014/COCO_train2014_000000000007.png'
    stamp = path.stat().st_mtime_ns
    convert_coco(tmp_path / 'coco', tmp_path / 'out')
    assert path.stat().st_mtime_ns == stamp
    (tmp_path / 'coco/train2014/COCO_train2014_000000000007.jpg').unlink()
    found = convert_coco(tmp_path / 'coco', tmp_path / 'out2', masks=False)
    assert found['missing'] == ['COCO_train2014_000000000007.jpg']
    assert not (tmp_path / 'out2/annotations').exists() and not (tmp_path / 'out2/ann_dir').exists()
    with pytest.raises(FileNotFoundError, match=r'Expected COCO instances in .*instances_val2014\.json'):
        convert_coco(tmp_path / 'coco', tmp_path / 'out', 'val2014')


def test_degenerate_polygons_are_passed_over():
    annotation = {'category_id': 1, 'area': 1, 'segmentation': [[1.0, 1.0, 2.0, 2.0]]}
    assert not semantic_mask([annotation], 5, 5, {1: 0}).any()


@pytest.mark.filterwarnings('ignore')
def test_coco_trains_with_its_negatives(tmp_path):
    coco_tree(tmp_path / 'coco')
    convert_coco(tmp_path / 'coco', tmp_path / 'out')
    (tmp_path / 'out/img_dir').mkdir()
    (tmp_path / 'out/img_dir/train2014').symlink_to(tmp_path / 'coco/train2014')
    data = {**load_data('coco14'), 'dataset_root': str(tmp_path / 'out'), 'num_classes': 3}
    data.update({'test_ann': None, 'test_img': None, 'test_masks': None})
    tiny = {**SMALL, 'batch_size': 3, 'embed_dims': 32, 'num_layers': 1}
    train(student_config(tiny, data), tmp_path / 'work', quiet=True)
    maps = {'img_size': 32, 'scales': [1.0], 'size_divisor': 8}
    cfg = load_config('configs/pseudo/gradcam_ms.py', maps, data=data)
    summary = make_pseudo(cfg, tmp_path / 'work/epoch_1.pth', tmp_path / 'masks')
    assert summary['ok'] == 3 and summary['without_class'] == 1


def test_21_classes_agree_with_mmsegs_metric():
    """miou of 21 classes equals MMSegmentation's IoUMetric."""
    import torch
    from mmseg.evaluation import IoUMetric

    from mmwsss.evaluation import count_pixels, segmentation_figures

    rng = np.random.default_rng(0)
    pairs = [(rng.integers(0, 21, (30, 40)), rng.integers(0, 21, (30, 40))) for _ in range(4)]
    for _, truth in pairs:
        truth[rng.random(truth.shape) < 0.1] = IGNORE_LABEL
    metric = IoUMetric(iou_metrics=['mIoU'])
    metric.dataset_meta = {'classes': ['background', *CLASSES]}
    results = [
        metric.intersect_and_union(torch.from_numpy(pred), torch.from_numpy(truth), 21, IGNORE_LABEL)
        for pred, truth in pairs
    ]
    expected = metric.compute_metrics(results)['mIoU']
    counts = [count_pixels(pred.astype(np.uint8), truth.astype(np.uint8), 20) for pred, truth in pairs]
    assert 100 * segmentation_figures(counts, CLASSES)['miou'] == pytest.approx(expected, abs=0.006)  # it rounds
