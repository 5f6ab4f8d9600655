"""Trainings on few images, and trainings that diverge."""

import pytest
import torch
from conftest import SMALL, toy_variables, write_toy
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from mmwsss.apis import train
from mmwsss.apis.training import fit_batches
from mmwsss.config import load_config
from mmwsss.structures.output_marker import is_output_folder

NET = {'embed_dims': 32, 'num_layers': 1, 'pretrained': False}


def config(root, **options):
    return load_config('configs/vitb.py', {**SMALL, **NET, **options}, data=toy_variables(root), scale='small')


@pytest.mark.parametrize(('images', 'batch_size', 'expected'), [(20, 32, 20), (3, 4, 3), (12, 4, 4)])
def test_batches_shrink_to_the_data(images, batch_size, expected, tmp_path):
    cfg = config(write_toy(tmp_path / 'toy', images), batch_size=batch_size)
    cfg.work_dir = 'work'
    fit_batches(cfg)
    assert cfg.train_dataloader.batch_size == expected


@pytest.mark.filterwarnings('ignore')
def test_a_training_on_five_images_takes_its_steps(tmp_path, caplog):
    runner = train(config(write_toy(tmp_path / 'toy', 5), batch_size=32), tmp_path / 'work')
    assert runner.iter == 1 and is_output_folder(tmp_path / 'work')
    log = next((tmp_path / 'work').glob('*/*.log')).read_text()
    assert 'batches of 5 instead of 32: the training set has 5 images' in log


@pytest.mark.filterwarnings('ignore')
def test_two_trainings_of_one_second_share_nothing(toy, tmp_path, monkeypatch):
    monkeypatch.setattr('mmengine.runner.runner.time.time', lambda: 1e9)
    first, second = (train(config(toy, epochs=1), tmp_path / name, quiet=True) for name in ('first', 'second'))
    assert first.timestamp == second.timestamp
    for part in ('logger', 'message_hub', 'visualizer'):
        assert getattr(first, part) is not getattr(second, part)
    for name in ('first', 'second'):
        assert list((tmp_path / name).glob('*/vis_data/scalars.json'))


@pytest.mark.filterwarnings('ignore')
def test_no_batch_of_a_single_image_in_a_segmentor(tmp_path):
    """17 images in batches of 16 leave one: batch norm cannot learn from it."""
    root = write_toy(tmp_path / 'toy', 5)
    cfg = config(root, batch_size=4)
    cfg.train_dataloader.drop_last = False
    cfg.work_dir = 'work'
    fit_batches(cfg)
    assert cfg.train_dataloader.drop_last


@pytest.mark.filterwarnings('ignore')
def test_a_diverged_training_stops_where_it_diverges(toy, tmp_path):
    with pytest.raises(ValueError, match=r'Expected a finite loss in .*work, but got loss .* in epoch \d, step \d'):
        train(config(toy, lr=1e30, epochs=4), tmp_path / 'work')
    for path in (tmp_path / 'work').glob('*.pth'):  # what was written before is sound or not there
        state = torch.load(path, weights_only=False)['state_dict']
        assert all(torch.isfinite(value).all() for value in state.values())


@HOOKS.register_module()
class SpoilTheLastStep(Hook):
    """What a step too long does: the loss was finite, the weights are not."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        next(runner.model.parameters()).data.flatten()[0] = float('nan')


@pytest.mark.filterwarnings('ignore')
def test_weights_that_are_not_finite_are_not_saved(toy, tmp_path):
    cfg = config(toy, batch_size=12)
    cfg.custom_hooks = [{'type': 'SpoilTheLastStep'}]
    with pytest.raises(ValueError, match=r'Expected finite weights in .*work, but .* after epoch 1\.'):
        train(cfg, tmp_path / 'work')
    assert not list((tmp_path / 'work').glob('*.pth'))


@pytest.mark.filterwarnings('ignore')
def test_a_training_without_validation_and_test_by_empty_options(toy, tmp_path):
    data = {**toy_variables(toy), 'val_img': '', 'test_img': ''}
    runner = train(load_config('configs/vitb.py', {**SMALL, **NET}, data=data, scale='small'), tmp_path / 'work')
    assert runner.epoch == 1
