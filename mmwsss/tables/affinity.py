"""The AffinityNet that some rows need, trained on the training images' own maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.config import Config

from mmwsss.apis import make_pseudo
from mmwsss.config.loading import load_config

if TYPE_CHECKING:
    from mmwsss.tables.rows import Row
    from mmwsss.tables.runner import AblationRunner


def train_affinity_for(runner: AblationRunner, cfg: Config, row: Row, config: str, seed: int) -> None:
    """Where a pseudo config has an AffinityRefine: keep the training images' maps, train on them, name the checkpoint.

    Args:
        runner: Knows scale, data and folders.
        cfg: The pseudo config; the step's ``checkpoint`` is set in place.
        row: The row, whose pseudo config it is.
        config: Training config of the classifier.
        seed: Seed.
    """
    steps = [step for step in cfg.pseudo.refine if step['type'].endswith('AffinityRefine')]
    if not steps:
        return
    pseudo = row.pseudo
    folder = runner.work_dir / 'affinity' / Path(config).stem / Path(pseudo).stem / f'seed{seed}'
    maps = load_config(pseudo, {**runner.scale.pseudo_variables(pseudo, runner.data), 'save_cam': True})
    maps.pseudo.generator.target_layers = cfg.pseudo.generator.target_layers
    before = next(i for i, step in enumerate(maps.pseudo.refine) if step['type'].endswith('AffinityRefine'))
    maps.pseudo.refine = [*maps.pseudo.refine[:before], maps.pseudo.refine[-1]]
    make_pseudo(maps, runner.trained(config, seed)['checkpoint'], folder / 'maps')
    affinity = runner.scale.cfg.affinity
    options = {**runner.data, 'seed': seed, 'cam_root': str(folder / 'maps')}
    training = load_config(affinity, runner.scale.train_variables(affinity, options))
    label = f'{Path(affinity).stem} for {Path(config).stem}, {Path(pseudo).stem}, seed {seed}'
    checkpoint = runner.train_once(training, folder / 'train', label)['checkpoint']
    for step in steps:
        step.checkpoint = checkpoint
