"""Composites as a segmentor's training set: images without a class, empty masks, shares of an epoch."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import DATA_SAMPLERS, init_default_scope

from mmwsss.datasets import NegativeView, ShareSampler
from mmwsss.datasets.transforms import EmptySegMap
from mmwsss.models.losses import ForegroundDiceLoss


def source(toy, **more):
    return {
        'type': 'mmwsss.ImageLabelDataset', 'data_root': str(toy), 'ann_file': 'train.json',
        'data_prefix': {'img_path': 'img/train'}, 'negative_classes': ['no_smoke'], **more,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def test_only_images_without_a_class(toy):
    dataset = NegativeView(source(toy), pipeline=[])
    assert len(dataset) == 4 and dataset.metainfo['classes'] == ('background', 'smoke')
    items = [dataset.get_data_info(index) for index in range(4)]
    assert [item['img_path'].rsplit(' ', 1)[1] for item in items] == ['2.jpg', '5.jpg', '8.jpg', '11.jpg']
    assert all('seg_map_path' not in item and not item['gt_label'].size for item in items)
    with pytest.raises(ValueError, match='Expected images without any class to blend smoke into, but all 12 show one'):
        NegativeView(source(toy, classes=['no_smoke', 'smoke'], negative_classes=[]))


def test_doubtful_images_are_no_background(toy):
    """Two of three who said "none" are no certainty; four are."""
    names = [f'sub{index % 2}/picture {index}.jpg' for index in (2, 5, 8, 11)]
    votes = ['no_smoke,2,1', 'no_smoke,2,0', 'no_smoke,,', 'no_smoke,9,1']
    rows = [f'{name},{given}' for name, given in zip(names, votes)] + ['sub0/picture 0.jpg,smoke,,']
    (toy / 'votes.csv').write_text('\n'.join(['path,label,votes_for,votes_against', *rows]) + '\n')
    shown = NegativeView(source(toy, ann_file='votes.csv', classes=['smoke']), pipeline=[])
    kept = [shown.get_data_info(index)['img_path'].rsplit(' ', 1)[1] for index in range(len(shown))]
    assert kept == ['5.jpg', '8.jpg', '11.jpg']
    with pytest.raises(ValueError, match='show one with a probability above -1'):
        NegativeView(source(toy), doubt=-1)


def test_smoke_comes_with_its_mask(toy):
    pipeline = [
        {'type': 'mmwsss.LoadPicture'},
        {'type': 'mmwsss.EmptySegMap'},
        {'type': 'mmwsss.PastePlume', 'prob': 1.0, 'lookalike': 0.0},
        {'type': 'PackSegInputs'},
    ]
    dataset = NegativeView(source(toy), pipeline=pipeline)
    from mmwsss.engine.hooks.set_epoch import seeded_transforms

    (paste,) = seeded_transforms(dataset)
    paste.set_epoch(0)
    masks = [dataset[index]['data_samples'].gt_sem_seg.data.numpy() for index in range(4)]
    assert all(set(np.unique(mask)) == {0, 1} for mask in masks)
    paste.prob = 0.0
    assert all(not dataset[index]['data_samples'].gt_sem_seg.data.any() for index in range(4))


def test_a_frame_that_comes_again_in_an_epoch_has_another_plume(toy):
    pipeline = [{'type': 'mmwsss.LoadPicture'}, {'type': 'mmwsss.PastePlume', 'prob': 1.0, 'lookalike': 0.0}]
    dataset = NegativeView(source(toy), at_least=10, pipeline=pipeline)
    assert len(dataset) == 12
    from mmwsss.engine.hooks.set_epoch import seeded_transforms

    (paste,) = seeded_transforms(dataset)
    paste.set_epoch(0)
    first, again = dataset[1], dataset[5]
    assert first['img_path'] == again['img_path'] and not np.array_equal(first['plume_matte'], again['plume_matte'])
    assert len(NegativeView(source(toy), at_least=4, pipeline=[])) == 4


def test_an_image_with_a_class_has_no_empty_mask():
    results = {'img': np.zeros((4, 6, 3), np.uint8), 'gt_label': np.array([], np.int64), 'seg_fields': []}
    made = EmptySegMap()(results)
    assert made['gt_seg_map'].shape == (4, 6) and not made['gt_seg_map'].any() and made['seg_fields'] == ['gt_seg_map']
    with pytest.raises(ValueError, match=r'Expected an image without any class for EmptySegMap, but a\.jpg has \[0\]'):
        EmptySegMap()({'img': results['img'], 'gt_label': np.array([0]), 'img_path': 'a.jpg'})


def parts(*sizes):
    return SimpleNamespace(datasets=[range(size) for size in sizes])


def epochs(sampler, number):
    drawn = []
    for epoch in range(number):
        sampler.set_epoch(epoch)
        drawn.append(list(sampler))
    return drawn


def test_every_epoch_has_its_shares_and_every_image_its_turn():
    sampler = DATA_SAMPLERS.build(
        {'type': 'mmwsss.ShareSampler', 'dataset': parts(5, 40), 'epoch_size': 20, 'shares': (0.5, 0.5), 'seed': 3}
    )
    assert len(sampler) == 20
    drawn = epochs(sampler, 4)
    assert all(sum(index < 5 for index in epoch) == 10 and len(epoch) == 20 for epoch in drawn)
    counts = Counter(index for epoch in drawn for index in epoch)
    assert {counts[index] for index in range(5)} == {8}  # twice an epoch
    assert {counts[index] for index in range(5, 45)} == {1}  # 10 an epoch, without repetition until all were seen
    assert drawn[0] != drawn[1] and drawn[0] != sorted(drawn[0])
    assert epochs(ShareSampler(parts(5, 40), 20, (0.5, 0.5), 3), 4) == drawn
    assert epochs(ShareSampler(parts(5, 40), 20, (0.5, 0.5), 4), 4) != drawn


def test_processes_share_an_epoch(monkeypatch):
    whole = list(ShareSampler(parts(8, 8), 8, seed=0))
    assert len(whole) == 8 and len(list(ShareSampler(range(3), 7, seed=0))) == 7
    split = []
    for rank in range(2):
        monkeypatch.setattr('mmwsss.datasets.share_sampler.get_dist_info', lambda rank=rank: (rank, 2))
        split.append(list(ShareSampler(parts(8, 8), 9, seed=0)))
    assert [len(own) for own in split] == [4, 4] and not set(split[0]) & set(split[1])
    monkeypatch.undo()
    assert split[0] + split[1] == (one := list(ShareSampler(parts(8, 8), 9, seed=0)))[:8:2] + one[1:8:2]


def test_sampler_errors():
    with pytest.raises(ValueError, match=r'Expected 2 positive shares that add up to 1, but got \[0.5, 0.6\]'):
        ShareSampler(parts(3, 3), 4, (0.5, 0.6))
    with pytest.raises(ValueError, match='Expected an epoch_size with an image of each part, but got 1'):
        ShareSampler(parts(3, 3), 1)


def test_foreground_dice_counts_labelled_pixels_alone():
    logits = torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = torch.randint(0, 3, (2, 5, 6), generator=torch.Generator().manual_seed(1))
    labels[0, :2] = 255
    scores, expected = logits.softmax(1), []
    for image in range(2):
        for k in (1, 2):
            inside, total = 0.0, 0.0
            for p, g in zip(scores[image, k].flatten(), labels[image].flatten()):
                if g != 255:
                    inside += p * (g == k)
                    total += p + (g == k)
            expected.append(1 - (2 * inside + 1) / (total + 1))
    loss = ForegroundDiceLoss(loss_weight=0.5)(logits, labels)
    assert torch.allclose(loss, 0.5 * torch.stack(expected).mean(), atol=1e-6)
    loss.backward()
    assert not logits.grad[0, :, :2].any() and logits.grad[0, :, 2:].any()
    one = ForegroundDiceLoss()(logits[:, :1], labels.clamp(max=1))
    assert 0 < one < 1
    with pytest.raises(ValueError, match=r'Expected logits \(B, K \+ 1, H, W\) and labels \(B, H, W\)'):
        ForegroundDiceLoss()(logits, labels[:, :3])
