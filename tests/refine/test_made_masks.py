"""SAMRefine with masks that another program made."""

import json
import sys

import numpy as np
import pytest
from conftest import write_toy
from pycocotools import mask as coder

from mmwsss.refine import SAMRefine
from mmwsss.refine.made_masks import MadeMasks
from mmwsss.refine.sam_refine import vote

SIZE = (48, 64)


def regions():
    masks = [np.zeros(SIZE, bool) for _ in range(3)]
    masks[0][10:30, 20:50] = True
    masks[1][8:32, 18:52] = True
    masks[2][:10, :14] = True
    return masks


def compressed(mask):
    code = coder.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {'size': list(mask.shape), 'counts': code['counts'].decode()}


def plain(mask):
    """A run-length code by hand: columns first, zeros first."""
    counts, last, run = [], False, 0
    for value in mask.T.ravel().tolist():
        if value != last:
            counts.append(run)
            last, run = value, 0
        run += 1
    return {'size': list(mask.shape), 'counts': [*counts, run]}


def polygon(mask):
    ys, xs = np.nonzero(mask)
    left, right, top, bottom = (int(v) for v in (xs.min(), xs.max() + 1, ys.min(), ys.max() + 1))
    return [[left, top, right, top, right, bottom, left, bottom]]


def scene(path):
    img = np.random.default_rng(0).integers(0, 60, (*SIZE, 3)).astype(np.uint8)
    cam = np.zeros((2, *SIZE), np.float32)
    cam[0, 12:28, 22:48] = 0.8
    cam[1, :10, :12] = 0.6
    return {'img': img, 'cam': cam, 'classes': np.array([0, 1]), 'img_path': str(path)}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


FORMS = {
    'list of codes': lambda: [compressed(mask) for mask in regions()],
    "segment-anything's list": lambda: [{'segmentation': compressed(m), 'predicted_iou': 0.9} for m in regions()],
    'SA-1B': lambda: {'image': {}, 'annotations': [{'segmentation': plain(m), 'area': 1} for m in regions()]},
    'polygons': lambda: [{'segmentation': polygon(m)} for m in regions()],
}


@pytest.mark.parametrize('form', FORMS)
def test_a_file_for_each_image_votes_as_our_own_masks(form, tmp_path):
    data = scene('/data/img/train/a/x.jpg')
    write(tmp_path / 'made' / 'a' / 'x.json', FORMS[form]())
    for strategy in ('copy', 'and', 'or'):
        step = SAMRefine(masks=tmp_path / 'made', strategy=strategy)
        refined = step({**data, 'cam': data['cam'].copy()})['cam']
        codes = [coder.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in regions()]
        for number in range(2):
            assert np.array_equal(refined[number] > 0, vote(data['cam'][number] > 0.3, codes, strategy))
    assert not np.array_equal(refined[0] > 0, data['cam'][0] > 0.3)  # the masks decided


def test_a_coco_file(tmp_path):
    names = ['a/x.jpg', 'b/x.jpg', 'none.jpg']
    images = [{'id': 7 + n, 'file_name': name, 'height': 48, 'width': 64} for n, name in enumerate(names)]
    first, second, third = regions()
    annotations = [
        {'id': 1, 'image_id': 8, 'segmentation': compressed(second), 'score': 0.5},
        {'id': 2, 'image_id': 7, 'segmentation': plain(first), 'score': 0.2},
        {'id': 3, 'image_id': 7, 'segmentation': compressed(third), 'score': 0.9},
    ]
    masks = MadeMasks(write(tmp_path / 'made.json', {'images': images, 'annotations': annotations}))
    img = np.zeros((*SIZE, 3), np.uint8)

    def decoded(path):
        return [coder.decode(code).astype(bool) for code in masks(img, path)]

    assert all(np.array_equal(*pair) for pair in zip(decoded('/data/a/x.jpg'), [third, first], strict=True))
    assert all(np.array_equal(*pair) for pair in zip(decoded('/data/b/x.jpg'), [second], strict=True))
    assert decoded('/data/none.jpg') == []
    with pytest.raises(ValueError, match=r'Expected masks of /data/c/x\.jpg in .*made\.json, but there are none'):
        decoded('/data/c/x.jpg')
    unrefined = scene('/data/none.jpg')
    refined = SAMRefine(masks=tmp_path / 'made.json')(dict(unrefined))['cam']
    assert np.array_equal(refined > 0, unrefined['cam'] > 0.3)  # no mask, no change


def test_two_images_never_share_masks(tmp_path):
    masks = MadeMasks(write(tmp_path / 'made' / 'x.json', [compressed(m) for m in regions()]).parent)
    img = np.zeros((*SIZE, 3), np.uint8)
    assert len(masks(img, 'train/a/x.jpg')) == len(masks(img, 'train/a/x.jpg')) == 3
    with pytest.raises(ValueError, match=r'one image under x\.json .* but train/a/x\.jpg and train/b/x\.jpg both'):
        masks(img, 'train/b/x.jpg')
    write(tmp_path / 'made' / 'b' / 'x.json', [])
    assert masks(img, 'train/b/x.jpg') == []  # its own now
    write(tmp_path / 'made' / 'y.png.json', [compressed(regions()[0])])
    assert len(masks(img, 'y.png')) == 1


def test_what_is_refused(tmp_path):
    img, path = np.zeros((*SIZE, 3), np.uint8), 'x.jpg'
    with pytest.raises(FileNotFoundError, match=r'Expected masks of any generator in .*nothing, a folder .* COCO'):
        SAMRefine(masks=tmp_path / 'nothing')
    with pytest.raises(ValueError, match='Expected a checkpoint or masks for SAMRefine, but got None and None'):
        SAMRefine()
    with pytest.raises(ValueError, match="Expected mode 'automatic' with masks that are there already, but got 'prom"):
        SAMRefine(masks=tmp_path, mode='prompt')
    for content, message in (
        ([compressed(np.ones((4, 4), bool))], r'Expected masks of \(48, 64\) .* but got \(4, 4\)'),
        ([plain(np.ones((4, 4), bool))], r'\(48, 64\) \(H, W\) .* but got \[4, 4\]'),
        ([{'bbox': [1, 2, 3, 4]}], r"Expected a segmentation of \(48, 64\) \(H, W\) in .*x\.json, but 'counts'"),
        ({'masks': []}, r'Expected a list of masks in .*x\.json, or one under annotations'),
    ):
        write(tmp_path / 'x.json', content)
        with pytest.raises(ValueError, match=message):
            MadeMasks(tmp_path)(img, path)
    for content in ([], {'images': [{'id': 1}], 'annotations': []}, {'images': [], 'annotations': [{'image_id': 3}]}):
        with pytest.raises(ValueError, match=r'Expected a COCO file with images and annotations in .*coco\.json'):
            MadeMasks(write(tmp_path / 'coco.json', content))


def test_segment_anything_need_not_be_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'segment_anything', None)
    SAMRefine(masks=tmp_path)


def test_make_pseudo_with_made_masks(tmp_path):
    """From end to end, through the engine: the file of each image is found below the folder of the data set."""
    from conftest import SMALL, student_config, toy_variables
    from PIL import Image

    from mmwsss.apis import make_pseudo, train
    from mmwsss.config import load_config

    root = write_toy(tmp_path / 'toy')
    data = toy_variables(root)
    for path in (root / 'ann' / 'train').rglob('*.png'):
        mask = np.array(Image.open(path)) > 0
        write(tmp_path / 'made' / path.relative_to(root / 'ann' / 'train').with_suffix('.json'), [compressed(mask)])
    net = {'img_size': 64, 'patch_size': 8, 'stem_stage': 2, 'stem_stride': 8, 'embed_dims': 32, 'num_layers': 1}
    train(student_config({**SMALL, **net, 'epochs': 2, 'lr': 1e-3}, data), tmp_path / 'student', quiet=True)
    options = {'img_size': 64, 'scales': [1.0], 'size_divisor': 8, 'method': 'cam', 'min_iou': 0.05}
    options['mask_files'] = str(tmp_path / 'made')
    cfg = load_config('configs/pseudo/gradcam_ms_masks.py', options, data=data)
    make_pseudo(cfg, tmp_path / 'student' / 'epoch_2.pth', tmp_path / 'out')
    rows = [json.loads(line) for line in (tmp_path / 'out' / 'manifest.jsonl').read_text().splitlines()]
    made = [row for row in rows if row['status'] == 'ok' and row.get('labels')]
    assert len(made) == 8
    exact = 0
    for row in made:
        mask = np.array(Image.open(tmp_path / 'out' / row['mask_path']))
        truth = np.array(Image.open(root / 'ann' / 'train' / row['mask_path'].removeprefix('masks/')))
        exact += np.array_equal(mask > 0, truth > 0)
    assert exact >= 2  # to the pixel: the votes took the made masks, which are the true ones here
