"""SAM voting against a slow plain version and the paper's code; a SAM of toy size from end to end."""

import numpy as np
import pytest
import torch
from pycocotools import mask as coder

from mmwsss.models.segmentors.sam_network import build_sam
from mmwsss.refine import SAMRefine
from mmwsss.refine.sam_masks import SamMasks
from mmwsss.refine.sam_refine import prompts_of, vote

TOY = {'embed_dim': 16, 'depth': 2, 'num_heads': 2, 'global_attn_indexes': (1,), 'image_size': 64}
EAGER = {'pred_iou_thresh': -100.0, 'stability_score_thresh': -1.0, 'min_mask_region_area': 10, 'box_nms_thresh': 1.0}


def encode(masks):
    return [coder.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in masks]


def slow_vote(unrefined, masks, strategy, min_iou, max_area):
    kept = np.zeros_like(unrefined)
    any_kept = False
    for mask in masks:
        if mask.sum() > max_area * mask.size:
            continue
        union = sum(bool(a or b) for a, b in zip(mask.ravel(), unrefined.ravel()))
        both = sum(bool(a and b) for a, b in zip(mask.ravel(), unrefined.ravel()))
        if union and both / union >= min_iou:
            kept, any_kept = kept | mask, True
    if not any_kept:
        return unrefined
    return {'copy': kept, 'and': kept & unrefined, 'or': kept | unrefined}[strategy]


@pytest.mark.parametrize('strategy', ['copy', 'and', 'or'])
def test_equals_the_slow_version(strategy):
    rng = np.random.default_rng(3)
    for _ in range(20):
        masks = []
        for _ in range(8):
            y, x = rng.integers(0, 12, 2)
            mask = np.zeros((20, 24), bool)
            mask[y : y + rng.integers(2, 14), x : x + rng.integers(2, 16)] = True
            masks.append(mask)
        unrefined = masks[rng.integers(8)] ^ (rng.random((20, 24)) < 0.1)
        min_iou, max_area = rng.choice([0.1, 0.3, 0.6]), rng.choice([0.2, 0.5])
        expected = slow_vote(unrefined, masks, strategy, min_iou, max_area)
        assert np.array_equal(vote(unrefined, encode(masks), strategy, min_iou, max_area), expected)


def test_golden(golden):
    unrefined = golden['sam/cam'] > 0.3
    masks = encode(golden['sam/masks'].astype(bool))
    for strategy in ('copy', 'and', 'or'):
        assert np.array_equal(vote(unrefined, masks, strategy), golden[f'sam/{strategy}'].astype(bool))
    assert np.array_equal(vote(unrefined, encode([np.ones_like(unrefined)])), golden['sam/fallback'].astype(bool))


def test_empty_masks_and_no_masks():
    unrefined = np.zeros((4, 4), bool)
    unrefined[1, 1] = True
    assert vote(unrefined, []) is unrefined
    assert not vote(np.zeros((4, 4), bool), encode([unrefined])).any()


def test_prompts_are_boxes_and_peaks():
    unrefined, cam = np.zeros((10, 12), bool), np.zeros((10, 12), np.float32)
    unrefined[1:4, 2:7] = unrefined[6:8, 9:11] = True
    cam[unrefined] = 0.5
    cam[3, 5], cam[7, 9] = 0.9, 0.8
    boxes, points = prompts_of(unrefined, cam)
    assert [b.tolist() for b in boxes] == [[2, 1, 7, 4], [9, 6, 11, 8]]
    assert [p.tolist() for p in points] == [[5, 3], [9, 7]]


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('sam') / 'toy.pth'
    torch.save(build_sam(TOY, None, 'test').state_dict(), path)
    return path


def scene(classes=2):
    rng = np.random.default_rng(0)
    img = rng.integers(0, 60, (48, 64, 3)).astype(np.uint8)
    img[10:30, 20:50] = 220
    cam = np.zeros((classes, 48, 64), np.float32)
    cam[0, 12:28, 22:48] = 0.8
    cam[1, :10, :12] = 0.6
    return {'img': img, 'cam': cam, 'classes': np.array([0, 1])}


@pytest.mark.parametrize('mode', ['automatic', 'prompt'])
def test_toy_sam(mode, checkpoint, tmp_path):
    step = SAMRefine(
        checkpoint, TOY, tmp_path, points_per_side=2, mode=mode, min_iou=0.0, max_area=1.0, generator=EAGER
    )
    data = scene()
    refined = step({**data, 'cam': data['cam'].copy()})['cam']
    assert refined.shape == (2, 48, 64) and refined.dtype == np.float32
    unrefined = data['cam'][0] > 0.3
    if mode == 'automatic':
        expected = vote(unrefined, step.masks(data['img']), 'copy', 0.0, 1.0)
    else:
        expected = step.masks.prompted(data['img'], *prompts_of(unrefined, data['cam'][0])).any(0)
    assert np.array_equal(refined[0] > 0, expected) and expected.any()
    inside = refined[0][refined[0] > 0]
    assert inside.min() >= 0.999 - 1e-6


def test_masks_are_kept(checkpoint, tmp_path):
    img = scene()['img']
    masks = SamMasks(TOY, checkpoint, tmp_path, 3, EAGER)
    made = masks(img)
    assert len(made) >= 3
    again = SamMasks(TOY, checkpoint, tmp_path, 3, EAGER)
    kept = again(img)
    assert again._sam is None  # read, not computed: no network was built
    for a, b in zip(made, kept, strict=True):
        assert np.array_equal(coder.decode(a), coder.decode(b))
    other = SamMasks(TOY, checkpoint, tmp_path, 2, EAGER)
    assert other.folder != masks.folder  # settings do not mix
    changed = img.copy()
    changed[0, 0] += 1
    again(changed)
    assert again._sam is not None


def test_kept_masks_need_no_weights(checkpoint, tmp_path):
    moved = tmp_path / 'toy.pth'
    moved.write_bytes(checkpoint.read_bytes())
    img = scene()['img']
    number = len(SamMasks(TOY, moved, tmp_path / 'cache', 2, EAGER)(img))
    moved.unlink()
    assert len(SamMasks(TOY, moved, tmp_path / 'cache', 2, EAGER)(img)) == number


def test_errors(checkpoint, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r'SAMRefine needs the weights .*sam_vit_b_01ec64\.pth.*dl\.fbaipublicfiles'
    ):
        SAMRefine(tmp_path / 'sam_vit_b_01ec64.pth', 'vit_b', tmp_path / 'cache')
    with pytest.raises(ValueError, match=r"Expected a SAM of \['vit_b', 'vit_l', 'vit_h'\] or a dict, but got 'vit_x'"):
        build_sam('vit_x', None, 'test')
    with pytest.raises(ValueError, match='does not fit the SAM'):
        build_sam({**TOY, 'depth': 1}, checkpoint, 'test')
    with pytest.raises(ValueError, match=r"Expected arguments of SAM's image encoder, but got \['width'\]"):
        build_sam({**TOY, 'width': 3}, None, 'test')
    with pytest.raises(ValueError, match="Expected strategy .* but got 'xor'"):
        SAMRefine(checkpoint, TOY, tmp_path, strategy='xor')
    with pytest.raises(ValueError, match="Expected mode .* but got 'manual'"):
        SAMRefine(checkpoint, TOY, tmp_path, mode='manual')
    with pytest.raises(ValueError, match=r'Expected min_iou in \[0, 1\], but got 2'):
        SAMRefine(checkpoint, TOY, tmp_path, min_iou=2)
    with pytest.raises(ValueError, match=r"Expected arguments of SamAutomaticMaskGenerator, but got \['points'\]"):
        SAMRefine(checkpoint, TOY, tmp_path, generator={'points': 3})
    with pytest.raises(ValueError, match=r'one size, but got \(48, 64\) and \(4, 4\)'):
        SAMRefine(checkpoint, TOY, tmp_path)({**scene(), 'cam': np.zeros((2, 4, 4), np.float32)})
