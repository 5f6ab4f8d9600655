"""PastePlume: labels, mattes, and the same pictures in every worker and after a resume."""

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmwsss.datasets import PlumeScenes
from mmwsss.datasets.composites import Composer
from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.datasets.transforms import PastePlume
from mmwsss.engine.hooks.set_epoch import seeded_transforms
from mmwsss.registry import DATASETS, TRANSFORMS


def item(labels=(), index=0, classes=2, size=(48, 64)):
    rng = np.random.default_rng(index)
    score = np.zeros(classes, np.float32)
    score[list(labels)] = 1
    return {
        'img': np.clip(rng.normal(120, 8, (*size, 3)), 0, 255).astype(np.uint8),
        'gt_label': np.array(labels, np.int64),
        'gt_score': score,
        'gt_seg_map': np.zeros(size, np.uint8),
        'sample_idx': index,
    }


def pasted(**kwargs):
    transform = PastePlume(**kwargs)
    transform.set_epoch(0)
    return transform


def test_smoke_gets_label_matte_and_mask():
    transform = pasted(prob=1.0, class_index=1, ignore_from=0.05, keep_clean=True, lookalike=0.5)
    for index in range(12):
        before = item((0,), index)
        before['gt_seg_map'][:10] = 1
        after = transform(dict(before))
        matte = after['plume_matte']
        assert matte.dtype == np.float32 and matte.shape == (48, 64) and (matte > 0.2).any()
        assert after['gt_label'].tolist() == [0, 1] and after['gt_label'].dtype == np.int64
        assert after['gt_score'].tolist() == [1, 1] and before['gt_score'].tolist() == [1, 0]
        mask, band = matte > 0.2, (matte > 0.05) & (matte <= 0.2)
        assert (after['gt_seg_map'][mask] == 2).all() and (after['gt_seg_map'][band] == IGNORE_LABEL).all()
        rest = ~mask & ~band
        assert np.array_equal(after['gt_seg_map'][rest], before['gt_seg_map'][rest])
        assert np.array_equal(after['img'][matte == 0], after['img_clean'][matte == 0])
        assert set(after) - set(before) == {'plume_matte', 'img_clean'}


def test_an_image_with_the_class_is_never_touched():
    transform = pasted(prob=1.0, class_index=1, lookalike=1.0, keep_clean=True)
    for labels in ((1,), (0, 1)):
        before = item(labels)
        after = transform(
            {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in before.items()}
        )
        assert all(np.array_equal(after[key], value) for key, value in before.items())
        assert after['plume_matte'].max() == 0 and 'img_clean' not in after


def test_lookalikes_change_neither_label_nor_matte():
    transform = pasted(prob=0.0, lookalike=1.0, keep_clean=True)
    changed = 0
    for index in range(12):
        before = item((), index)
        after = transform(dict(before))
        assert after['gt_label'].size == 0 and after['gt_score'].sum() == 0
        assert after['plume_matte'].max() == 0 and after['gt_seg_map'].max() == 0
        assert np.array_equal(after['img'], after['img_clean'])
        changed += not np.array_equal(after['img'], before['img'])
    assert changed > 6


def test_lookalikes_have_the_frames_noise():
    frame = item((), size=(96, 96))['img']
    light = {'lookalike': 1.0, 'lookalikes': {'fog': 1.0}, 'quality': None}

    def roughness(grain, seed):
        made = Composer(**light, grain=grain).compose(np.random.default_rng(seed), frame, smoke=False).clean
        return np.abs(np.diff(made[-24:].astype(float).mean(2), axis=1)).mean()

    plain = np.abs(np.diff(frame[-24:].astype(float).mean(2), axis=1)).mean()
    smooth, grained = (np.mean([roughness(grain, seed) for seed in range(8)]) for grain in (False, True))
    assert smooth < 0.8 * plain and abs(grained - plain) < 0.5 * (plain - smooth)


def test_a_plume_that_never_fits_is_left_out():
    transform = pasted(prob=1.0, lookalike=0.0, min_share=1.0)
    for index in range(3):
        before = item((), index)
        after = transform(dict(before))
        assert after['gt_label'].size == 0 and np.array_equal(after['img'], before['img'])
        assert not after['plume_matte'].any() and not after['gt_seg_map'].any()


def test_chance():
    transform = pasted(prob=0.3, lookalike=0.0)
    got = [transform(item((), index))['gt_label'].size for index in range(300)]
    assert np.mean(got) == pytest.approx(0.3, abs=0.08)
    clean = transform(item((), got.index(0)))
    assert np.array_equal(clean['img'], item((), got.index(0))['img'])


def test_draws_depend_on_seed_epoch_and_image():
    def picture(seed=0, epoch=0, index=0):
        transform = PastePlume(prob=1.0, seed=seed)
        transform.set_epoch(epoch)
        results = item((), 0)
        results['sample_idx'] = index
        return transform(results)['plume_matte']

    assert np.array_equal(picture(), picture())
    for other in ({'seed': 1}, {'epoch': 1}, {'index': 1}):
        assert not np.array_equal(picture(), picture(**other))


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match='Expected PastePlume to know the epoch.*SetEpochHook'):
        PastePlume()(item())
    results = item()
    del results['sample_idx']
    with pytest.raises(ValueError, match='Expected sample_idx in the results for PastePlume'):
        pasted()(results)
    with pytest.raises(ValueError, match='Expected gt_label in the results for PastePlume'):
        pasted()({'img': item()['img'], 'sample_idx': 0})
    with pytest.raises(ValueError, match=r'Expected prob in \[0, 1\], but got 1.5'):
        PastePlume(prob=1.5)
    with pytest.raises(ValueError, match=r'Expected ignore_from in \[0, 0.2\], but got 0.4'):
        PastePlume(ignore_from=0.4)


def test_registered():
    assert isinstance(TRANSFORMS.build({'type': 'mmwsss.PastePlume', 'prob': 0.2}), PastePlume)
    assert 'prob=0.2' in repr(PastePlume(prob=0.2))


def scenes(**kwargs):
    return PlumeScenes(8, 32, seed=1, smoke=0.25, pipeline=[dict(type='mmwsss.PastePlume', prob=0.7, **kwargs)])


def collate(batch):
    return {int(item['sample_idx']): item['img'] for item in batch}


@pytest.mark.parametrize('persistent', [False, True])
@pytest.mark.parametrize('workers', [1, 2])
def test_any_number_of_workers_sees_the_same(workers, persistent):
    def epochs(number, **kwargs):
        dataset, out = scenes(), []
        loader = DataLoader(dataset, batch_size=3, num_workers=number, collate_fn=collate, **kwargs)
        for epoch in range(2):
            for transform in seeded_transforms(dataset):
                transform.set_epoch(epoch)
            out.append({index: img for batch in loader for index, img in batch.items()})
        return out

    alone, together = epochs(0), epochs(workers, persistent_workers=persistent)
    for one, other in zip(alone, together):
        assert all(np.array_equal(one[index], other[index]) for index in range(8))
    assert any(not np.array_equal(alone[0][index], alone[1][index]) for index in range(8))


class Recorder(BaseModel):
    """Keeps every picture that it is trained on."""

    seen: list = []

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, sample_idx, mode='loss'):
        type(self).seen += [(int(index), img.clone()) for index, img in zip(sample_idx, inputs)]
        return {'loss': self.weight.sum()}


def runner_for(work_dir, epochs, workers=1, **kwargs):
    dataset = {
        'type': 'mmwsss.PlumeScenes',
        'num_images': 6,
        'img_size': 24,
        'smoke': 0.2,
        'pipeline': [{'type': 'mmwsss.PastePlume', 'prob': 0.8}, {'type': 'mmwsss.PickInputs'}],
    }
    return Runner(
        Recorder(),
        str(work_dir),
        train_dataloader={
            'batch_size': 3,
            'num_workers': workers,
            'dataset': dataset,
            'sampler': {'type': 'DefaultSampler', 'shuffle': True},
        },
        train_cfg=kwargs.pop('train_cfg', {'by_epoch': True, 'max_epochs': epochs}),
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        custom_hooks=[{'type': 'mmwsss.SetEpochHook'}],
        default_scope='mmengine',
        randomness={'seed': 3},
        experiment_name=f'{work_dir.name}_{epochs}_{workers}',
        **kwargs,
    )


@TRANSFORMS.register_module(force=True)
class PickInputs:
    """Picture and number of an item."""

    def __call__(self, results):
        return {'inputs': torch.from_numpy(results['img'].copy()), 'sample_idx': results['sample_idx']}


def test_a_resumed_run_sees_the_same_pictures(tmp_path):
    Recorder.seen = []
    runner_for(tmp_path / 'whole', 3).train()
    whole, Recorder.seen = Recorder.seen, []
    runner_for(tmp_path / 'parts', 1).train()
    runner_for(tmp_path / 'parts', 3, workers=0, resume=True).train()
    assert len(whole) == len(Recorder.seen) == 18
    for (index, img), (index_again, img_again) in zip(whole, Recorder.seen):
        assert index == index_again and torch.equal(img, img_again)
    visits = [[img for index, img in whole if index == number] for number in range(6)]
    assert all(len(imgs) == 3 for imgs in visits)
    assert sum(not torch.equal(imgs[0], imgs[1]) for imgs in visits) >= 3  # every epoch has pictures of its own


def test_a_loop_without_epochs_is_refused(tmp_path):
    runner = runner_for(tmp_path, 1, train_cfg={'by_epoch': False, 'max_iters': 2})
    with pytest.raises(ValueError, match='Expected an EpochBasedTrainLoop.*but got IterBasedTrainLoop'):
        runner.train()


def test_transforms_are_found_inside_wrappers():
    inner = {'type': 'mmwsss.PlumeScenes', 'num_images': 4, 'img_size': 24, 'pipeline': [{'type': 'mmwsss.PastePlume'}]}
    nested = [{'type': 'RandomApply', 'transforms': [{'type': 'mmwsss.PastePlume'}], 'prob': 0.5}]
    both = DATASETS.build({'type': 'ConcatDataset', 'datasets': [inner, dict(inner, pipeline=nested)]})
    assert isinstance(both.datasets[0], BaseDataset)
    assert len(list(seeded_transforms(both))) == 2
    assert len(list(seeded_transforms(DATASETS.build({'type': 'RepeatDataset', 'dataset': inner, 'times': 2})))) == 1
