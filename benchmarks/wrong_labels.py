"""What wrong image labels cost: IoU of a teacher's maps on generated scenes, and once the suspects were answered.

Labels of the training scenes are turned round at random. "Answered" are the first n suspects (mmwsss suspects), n being
the number of wrong labels: those that are wrong among them are put right. Nothing is done twice.

python benchmarks/wrong_labels.py --out work_dirs/wrong_labels
"""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import machine, table
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import find_latest_checkpoint

from mmwsss.apis import evaluate_cams, init_for_maps, train
from mmwsss.apis.suspects import image_labels, label_suspects
from mmwsss.cli.host_noise import quiet_hosts
from mmwsss.config import load_config, load_data
from mmwsss.datasets.converters.scenes import export_scenes
from mmwsss.datasets.groups import Grouping
from mmwsss.registry import DATASETS
from mmwsss.utils.files import atomic_write, read_json, write_json


def parse_args() -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', default='work_dirs/wrong_labels')
    parser.add_argument('--shares', nargs='+', type=float, default=[0.05, 0.1, 0.2], help='of labels that are wrong')
    parser.add_argument('--scenes', type=int, default=800, help='of the training; 160 are for the test')
    parser.add_argument('--epochs', type=int, default=3)
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--threads', type=int, default=1, help='of PyTorch')
    return parser.parse_args()


class Experiment:
    """Teachers on scenes of the demo, with labels of several kinds."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.out = args, Path(args.out)
        self.root = self.out / 'scenes'
        if not (self.root / 'done.json').exists():
            export_scenes(self.root, {'train': args.scenes, 'test': 160}, 96, 0, (0.7, 0.4))
            write_json(self.root / 'done.json', {})
        init_default_scope('mmpretrain')
        self.dataset = DATASETS.build(self.config('annotations/train.csv').train_set.to_dict())
        self.labels = image_labels(self.dataset)[:, 0]

    def config(self, labels: str, name: str = 'configs/r50_pcm.py', **options: Any) -> Config:
        """A config on the scenes with a list of labels."""
        data = {**load_data('plume_scenes'), 'dataset_root': str(self.root), 'train_ann': labels, 'val_img': None}
        return load_config(name, options, data=data, scale='small')

    def write_labels(self, name: str, labels: np.ndarray) -> str:
        """A CSV of the training scenes; its path below the data root."""
        path = self.root / 'annotations' / f'{name}.csv'
        rows = [(f'scene_{index:06d}.png', 'smoke' if shown else '') for index, shown in enumerate(labels)]
        with atomic_write(path) as handle:
            csv.writer(handle).writerows([('path', 'label'), *rows])
        return f'annotations/{name}.csv'

    def iou(self, name: str, labels: np.ndarray, seed: int) -> tuple[float, float]:
        """IoU of the set, test scenes, of a teacher that learned these labels: at 0.3, and at the best threshold."""
        folder = self.out / f'{name}_seed{seed}'
        if not (folder / 'figures.json').exists():
            written = self.write_labels(name, labels)
            size = {'img_size': 128, 'batch_size': 16}
            cfg = self.config(written, epochs=self.args.epochs, seed=seed, teacher_maps='classes', **size)
            train(cfg, folder, resume=True, quiet=True)
            maps = self.config(written, 'configs/pseudo/pcm_ms.py', scales=[1.0, 2.0], **size)
            collected = evaluate_cams(maps, init_for_maps(maps, find_latest_checkpoint(str(folder))), maps.test_set)
            write_json(folder / 'figures.json', collected.compute(0.3))
        figures = read_json(folder / 'figures.json')
        return 100 * figures['iou_dataset'], 100 * figures['oracle']['iou_dataset']


def main() -> None:
    """Entry point."""
    args = parse_args()
    quiet_hosts()
    torch.set_num_threads(args.threads)
    experiment, rows = Experiment(args), []
    arms = {'right': experiment.labels}
    for share in args.shares:
        number = round(share * len(experiment.labels))
        planted = np.random.default_rng([0, 7]).permutation(len(experiment.labels))[:number]
        wrong = experiment.labels.copy()
        wrong[planted] ^= True
        name = f'wrong_{round(100 * share)}'
        written = experiment.write_labels(name, wrong)
        dataset = DATASETS.build(experiment.config(written).train_set.to_dict())
        suspects = label_suspects(dataset, Grouping(pattern=r'([^/]+)$'))  # each scene is a block
        asked = suspects.ranked()[:number]
        answered = wrong.copy()
        answered[asked] = experiment.labels[asked]
        arms[name], arms[f'answered_{round(100 * share)}'] = wrong, answered
    for name, labels in arms.items():
        found = np.array([experiment.iou(name, labels, seed) for seed in args.seeds])
        still = int((labels != experiment.labels).sum())
        mean, spread = found.mean(0), found.std(0, ddof=min(1, len(found) - 1))
        cells = [f'{m:.1f}' + (f' ± {s:.1f}' if len(found) > 1 else '') for m, s in zip(mean, spread)]
        rows.append((name, still, *cells))
        print(*rows[-1], flush=True)
    print(machine('cpu'), f'; {args.scenes} scenes, seeds {args.seeds}; per cent')
    table(('labels', 'wrong ones', 'IoU of the set at 0.3', 'at the best threshold'), rows)


if __name__ == '__main__':
    main()
