"""PasteObjects: what is cut, where it goes, and what the labels say."""

import json

import numpy as np
import pytest
from PIL import Image

from mmwsss.datasets import PseudoMaskDataset
from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.datasets.objects import CutRules, cut_objects
from mmwsss.datasets.transforms import PasteObjects
from mmwsss.structures import Manifest, ManifestRecord

RED, GREEN = (220, 30, 30), (30, 220, 30)


def disc(size=60, radius=14, centre=(30, 30)):
    y, x = np.ogrid[:size, :size]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def write(root, name, labels, masks, status='ok'):
    """An image whose classes 0 and 1 are red and green where ``masks`` say so, and its mask and record."""
    img, labels_of_pixels = np.full((60, 60, 3), 100, np.uint8), np.zeros((60, 60), np.uint8)
    for index, mask in masks.items():
        img[mask] = (RED, GREEN)[index]
        labels_of_pixels[mask] = index + 1
    (root / 'masks').mkdir(parents=True, exist_ok=True)
    Image.fromarray(img).save(root / f'{name}.png')
    Image.fromarray(labels_of_pixels).save(root / 'masks' / f'{name}.png')
    record = ManifestRecord(str(root / f'{name}.png'), status, f'masks/{name}.png', labels=list(labels))
    Manifest(root / 'manifest.jsonl').append(record)


@pytest.fixture
def pseudo(tmp_path):
    (tmp_path / 'run.json').write_text(json.dumps({'classes': ['red', 'green']}))
    write(tmp_path, 'red', ['red'], {0: disc()})
    write(tmp_path, 'green', ['green'], {1: disc(radius=10)})
    write(
        tmp_path, 'both', ['red', 'green'], {0: disc(centre=(15, 15), radius=10), 1: disc(centre=(45, 45), radius=10)}
    )
    write(tmp_path, 'tiny', ['red'], {0: disc(radius=2)})
    write(tmp_path, 'whole', ['red'], {0: np.ones((60, 60), bool)})
    ring = disc(radius=25) & ~disc(radius=22)
    write(tmp_path, 'torn', ['red'], {0: ring})
    write(tmp_path, 'two', ['red'], {0: disc(radius=8, centre=(12, 12)) | disc(radius=8, centre=(45, 45))})
    write(tmp_path, 'not_its_label', ['green'], {0: disc()})
    write(tmp_path, 'nothing', [], {})
    write(tmp_path, 'failed', ['red'], {0: disc()}, status='failed')
    return tmp_path


def item(labels=(), index=0, size=(96, 80)):
    score = np.zeros(2, np.float32)
    score[list(labels)] = 1
    return {
        'img': np.full((*size, 3), 100, np.uint8),
        'gt_label': np.array(labels, np.int64),
        'gt_score': score,
        'gt_seg_map': np.zeros(size, np.uint8),
        'sample_idx': index,
    }


def pasted(root, **kwargs):
    transform = PasteObjects(str(root), **{'prob': 1.0, 'decoy_prob': 0.0, **kwargs})
    transform.set_epoch(0)
    return transform


def names(objects):
    return sorted((cut.img_path.split('/')[-1], cut.class_index) for cut in objects)


def test_only_sure_masks_of_the_label_are_cut(pseudo):
    assert names(cut_objects(str(pseudo))) == [('green.png', 1), ('red.png', 0)]
    several = cut_objects(str(pseudo), rules=CutRules(single_class=False))
    assert names(several) == [('both.png', 0), ('both.png', 1), ('green.png', 1), ('red.png', 0)]
    assert names(cut_objects(str(pseudo), classes=['green'])) == [('green.png', 1)]
    loose = cut_objects(str(pseudo), rules=CutRules(area=(0.0, 1.0), solidity=0.0, main_part=0.0))
    assert names(loose) == [
        (f'{name}.png', int(name == 'green')) for name in sorted(('green', 'red', 'tiny', 'torn', 'two', 'whole'))
    ]


def test_an_object_is_what_its_mask_says(pseudo):
    img, mask = next(cut for cut in cut_objects(str(pseudo)) if cut.class_index == 0).read()
    assert mask.shape == (29, 29) and mask.sum() == disc().sum()
    assert (img[mask > 0] == RED[::-1]).all()  # BGR
    assert (img[mask == 0] == 100).all()


def test_pasted_into_images_without_the_class(pseudo):
    transform = pasted(pseudo)
    for index in range(12):
        after = transform(item((0,), index))
        assert after['gt_label'].tolist() == [0, 1] and after['gt_score'].tolist() == [1, 1]
        inside = after['gt_seg_map'] == 2
        assert inside.sum() > 40 and not (after['gt_seg_map'] == 1).any()
        green = after['img'][inside].astype(int)
        assert (green[:, 1] > green[:, 2] + 40).all()  # it is the green object
        outside = after['gt_seg_map'] == 0
        assert np.abs(after['img'][outside].astype(int) - 100).max() <= 10
        band = after['gt_seg_map'] == IGNORE_LABEL
        assert 0 < band.sum() < 4 * np.sqrt(inside.sum()) * 4
    assert {tuple(transform(item((), index))['gt_label']) for index in range(20)} == {(0,), (1,)}


def test_an_image_with_all_classes_is_never_touched(pseudo):
    transform = pasted(pseudo, decoy_prob=0.5)
    for index in range(8):
        after = transform(item((0, 1), index))
        assert all(np.array_equal(after[key], value) for key, value in item((0, 1), index).items())
    only_green = pasted(pseudo, classes=['green'])
    assert np.array_equal(only_green(item((1,)))['img'], item()['img'])


def test_decoys_change_the_picture_and_no_label(pseudo):
    transform = pasted(pseudo, decoy_prob=1.0)
    changed = 0
    for index in range(10):
        before = item((0,), index)
        before['img'] = np.random.default_rng(index).integers(0, 255, before['img'].shape).astype(np.uint8)
        after = transform(dict(before))
        assert after['gt_label'].tolist() == [0] and after['gt_score'].tolist() == [1, 0]
        assert set(np.unique(after['gt_seg_map'])) <= {0, IGNORE_LABEL}
        changed += not np.array_equal(after['img'], before['img'])
    assert changed == 10


def test_deterministic_and_never_enlarged(pseudo):
    first, second, later = pasted(pseudo), pasted(pseudo), pasted(pseudo)
    later.set_epoch(1)
    assert np.array_equal(first(item())['img'], second(item())['img'])
    assert any(not np.array_equal(first(item((), i))['img'], later(item((), i))['img']) for i in range(4))
    large = pasted(pseudo, size=(1.0, 1.0), rotation=0.0)
    biggest = max((large(item((1,), index, (200, 200)))['gt_seg_map'] == 1).sum() for index in range(10))
    assert 0 < biggest <= disc().sum()


def test_pseudo_masks_carry_the_labels(pseudo):
    dataset = PseudoMaskDataset(str(pseudo))
    labels = {
        info['img_path'].split('/')[-1]: info['gt_label'].tolist() for info in map(dataset.get_data_info, range(9))
    }
    assert labels['both.png'] == [0, 1] and labels['nothing.png'] == [] and labels['green.png'] == [1]


def test_bad_arguments(pseudo, tmp_path):
    with pytest.raises(FileNotFoundError, match='Expected pseudo masks in .*none, but there is no'):
        PasteObjects(str(tmp_path / 'none'))
    with pytest.raises(ValueError, match=r"Expected classes of \['red', 'green'\].*but got \['blue'\]"):
        PasteObjects(str(pseudo), classes=['blue'])
    with pytest.raises(ValueError, match='Expected at least one sure object'):
        PasteObjects(str(pseudo), rules={'area': (0.9, 0.95)})
    with pytest.raises(ValueError, match=r'Expected prob in \[0, 1\], but got -1'):
        PasteObjects(str(pseudo), prob=-1)
    with pytest.raises(ValueError, match=r'Expected size as 0 < low <= high <= 1, but got \(0.5, 0.2\)'):
        PasteObjects(str(pseudo), size=(0.5, 0.2))
    with pytest.raises(ValueError, match='Expected area as 0 <= low < high <= 1'):
        CutRules(area=(0.5, 0.2))
