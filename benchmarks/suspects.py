"""Labels that were made wrong on purpose: how many of them are among the first n suspects, n being their number."""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse
from pathlib import Path

import numpy as np
import torch
from common import machine, table
from mmengine.registry import init_default_scope

from mmwsss.apis.judge import Encoder
from mmwsss.apis.score_maps import data_split
from mmwsss.apis.suspects import image_labels
from mmwsss.cli.host_noise import quiet_hosts
from mmwsss.config import load_config
from mmwsss.datasets.groups import Grouping
from mmwsss.datasets.plume_scenes import PlumeScenes
from mmwsss.evaluation.suspects import find_suspects


def parse_args() -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--data', help='description of the data; without it, generated plume scenes')
    parser.add_argument('--dataset-root')
    parser.add_argument('--block-table', help='CSV of images and their photos')
    parser.add_argument('--block-columns', nargs=2, default=('path', 'block'))
    parser.add_argument('--scenes', type=int, default=1000, help='number of generated scenes')
    parser.add_argument('--cache', help='file where features are kept')
    parser.add_argument('--shares', nargs='+', type=float, default=[0.05, 0.1, 0.2])
    parser.add_argument('--seeds', type=int, default=5)
    parser.add_argument('--threads', type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    quiet_hosts()
    torch.set_num_threads(args.threads)
    init_default_scope('mmpretrain')
    if args.data:
        dataset = data_split(
            load_config('configs/vitb.py', {'dataset_root': args.dataset_root}, data=args.data), 'train'
        )
        paths = [dataset.get_data_info(index)['img_path'] for index in range(len(dataset))]
        root = dataset.metainfo['image_root']
        grouping = Grouping(args.block_table, tuple(args.block_columns), root=root)
        blocks = [group.block for group in grouping.all(paths)]
    else:
        dataset = PlumeScenes(args.scenes, 96, seed=0)
        blocks = [str(index) for index in range(len(dataset))]
    if args.cache and Path(args.cache).exists():
        features = np.load(args.cache)
    else:
        features = Encoder().of_dataset(dataset, range(len(dataset)))
        if args.cache:
            np.save(args.cache, features)
    labels = image_labels(dataset)
    rows = []
    for share in args.shares:
        found = []
        for seed in range(args.seeds):
            planted = np.random.default_rng([seed, 7]).permutation(len(labels))[: round(share * len(labels))]
            wrong = labels.copy()
            wrong[planted, 0] ^= True
            suspects = find_suspects(features, wrong, blocks, seed=seed)
            ranked, there = suspects.ranked(), np.zeros(len(labels), bool)
            there[planted] = True
            number = len(planted)
            found.append(
                (there[ranked[:number]].mean(), there[ranked[: 2 * number]].sum() / number, there[ranked[:100]].mean(),
                 suspects.suspected.sum(), there[suspects.suspected].sum() / number)
            )  # fmt: skip
        mean, spread = np.mean(found, 0), np.std(found, 0)
        rows.append(
            (f'{100 * share:g} %', number, *(f'{100 * mean[k]:.0f} ± {100 * spread[k]:.0f}' for k in range(3)),
             f'{mean[3]:.0f}', f'{100 * mean[4]:.0f}')
        )  # fmt: skip
    print(machine('cpu'), f'; {len(labels)} images, {len(set(blocks))} blocks, {args.seeds} seeds; per cent')
    table(
        ('planted', 'n', 'of them among the first n', 'among the first 2n', 'planted among the first 100', 'suspected',
         'of the planted, suspected'), rows,
    )  # fmt: skip


if __name__ == '__main__':
    main()
