"""Bounds on false alarms against what happens: on frames of the same photos' kind, and on hidden sites."""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse

import numpy as np
import torch
from common import machine, table

from mmwsss.apis import init_for_maps
from mmwsss.apis.score_maps import data_split, scored_frames, split_indices
from mmwsss.cli.host_noise import quiet_hosts
from mmwsss.config import load_config
from mmwsss.datasets.groups import group_in_table, read_group_table
from mmwsss.evaluation.conformal import FalseAlarms, TooFewBlocksError, budget_of, smallest_threshold


def parse_args() -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('checkpoint')
    parser.add_argument('--config', default='configs/pseudo/segmentor.py')
    parser.add_argument('--data', default='configs/data/smoke5k_wsss.py')
    parser.add_argument('--dataset-root', required=True)
    parser.add_argument('--img-size', type=int, default=192)
    parser.add_argument('--alphas', nargs='+', type=float, default=[0.2, 0.1, 0.05])
    parser.add_argument('--draws', type=int, default=1000, help='random halves')
    return parser.parse_args()


def collected(frames: list[tuple[np.ndarray, str, str]], chosen: list[int], unit: int) -> FalseAlarms:
    """Some frames, by photo (1) or by site (2)."""
    alarms = FalseAlarms()
    for index in chosen:
        alarms.update(frames[index][0], frames[index][unit])
    return alarms


def main() -> None:
    """Entry point."""
    args = parse_args()
    quiet_hosts()
    torch.set_num_threads(1)
    cfg = load_config(args.config, {'dataset_root': args.dataset_root, 'img_size': args.img_size}, data=args.data)
    model = init_for_maps(cfg, args.checkpoint)
    frames, place = [], {}
    for split in ('val', 'test'):
        tables = [
            read_group_table(f'{args.dataset_root}/provenance/provenance_{split}.csv', ('id', column))
            for column in ('source_photo', 'site')
        ]
        dataset = data_split(cfg, split)
        start = len(frames)
        for frame in scored_frames(cfg, model, dataset, split_indices(dataset)[1], label=split):
            groups = [group_in_table(frame.info['img_path'], '', one) for one in tables]
            frames.append((frame.scores.max(0), *groups))
        place[split] = list(range(start, len(frames)))
    print(machine('cpu'), {split: len(rows) for split, rows in place.items()}, 'frames without smoke')
    every = [index for rows in place.values() for index in rows]
    rows = []
    for risk in ('frames', 'pixels'):
        for alpha in args.alphas:
            for unit, name in ((1, 'photo'), (2, 'site')):
                known, other = collected(frames, place['val'], unit), collected(frames, place['test'], unit)
                try:
                    bound = known.bound(alpha, risk)
                    hidden = f'{100 * other.risk_at(bound.threshold, risk):.1f} %'
                    text = f'{bound.threshold:.3f}'
                except TooFewBlocksError as error:
                    hidden = str(error).split(' blocks')[0].split()[-1] + ' needed'
                    text = f'refused, {known.blocks} blocks'
                mean = halves(frames, every, alpha, risk, unit, args)
                rows.append((risk, f'{100 * alpha:g} %', name, text, hidden, mean))
    table(
        ('risk', 'alpha', 'block', 'threshold from val', 'risk on test: hidden sites', 'mean risk, random halves'), rows
    )


def halves(frames: list, every: list[int], alpha: float, risk: str, unit: int, args: argparse.Namespace) -> str:
    """Mean risk of the other half of the blocks, over random halves of val and test together."""
    names = sorted({frames[index][unit] for index in every})
    blocks = [collected(frames, [i for i in every if frames[i][unit] == name], unit).losses(risk) for name in names]
    values = np.unique(np.concatenate([of_block for of_block, _ in blocks]))
    weights = np.zeros((len(names), len(values)))
    for row, (of_block, weight) in zip(weights, blocks):
        np.add.at(row, np.searchsorted(values, of_block), weight)
    rng, found, half = np.random.default_rng(0), [], len(names) // 2
    budget = budget_of(half, alpha)
    if budget < 0:
        return 'refused'
    for _ in range(args.draws):
        order = rng.permutation(len(names))
        threshold = smallest_threshold(values, weights[order[:half]].sum(0), budget)
        found.append(weights[order[half:]][:, values > threshold].sum() / (len(names) - half))
    return f'{100 * np.mean(found):.1f} ± {100 * np.std(found) / len(found) ** 0.5:.1f} %'


if __name__ == '__main__':
    main()
