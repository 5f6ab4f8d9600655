"""One stage against two at equal time: IoU on the test masks, false alarms, seconds, over seeds.

Runs configs/pipelines/one_stage_smoke5k.py and one_stage_shapes.py for every seed. What stands is not run again, so
that it can be stopped and started at any time. The seconds are those that each training took when it ran: they compare
as far as the machine did the same other work all the time.
"""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse
from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from common import machine, table

from mmwsss.cli.host_noise import quiet_hosts
from mmwsss.runs import Pipeline, load_pipeline

PIPELINES = {name: f'configs/pipelines/one_stage_{name}.py' for name in ('smoke5k', 'shapes')}
WAYS = {
    'two stages': ('classifier', 'masks', 'two_stages'),
    'one stage': ('one_stage',),
    'two stages, composites': ('classifier', 'masks', 'two_stages_composites'),
    'one stage, composites': ('one_stage_composites',),
    'one stage, transformer': ('one_stage_vit',),
    'one stage, transformer, cross-architecture loss': ('teacher', 'one_stage_cross'),
    'one stage, transformer, all-pairs consistency': ('one_stage_pairs',),
}
"""The runs of each way; the last one is the segmentor, whose ``NAME_test`` has the figures."""
FIGURES = ('iou_dataset', 'iou_image', 'miou')


def parse_args() -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--dataset-root', required=True, help='of smoke5k_wsss')
    parser.add_argument('--work-dir', default='work_dirs/one_stage')
    parser.add_argument('--data', nargs='+', default=list(PIPELINES), choices=list(PIPELINES))
    parser.add_argument('--seeds', nargs='+', type=int, default=[1, 2, 3])
    parser.add_argument('--options', nargs='*', default=[], metavar='VARIABLE=VALUE', help='of the pipelines')
    parser.add_argument('--show', action='store_true', help='run nothing, show what stands')
    parser.add_argument('--threads', type=int, default=1)
    return parser.parse_args()


def results_of(args: argparse.Namespace, data: str, seed: int) -> Mapping[str, Any]:
    """The results of one pipeline; made now where they do not stand."""
    options = [*args.options, f'seed={seed}', f'work_dir={Path(args.work_dir) / f"{data}_{seed}"}']
    if data == 'smoke5k':
        options.append(f'dataset_root={args.dataset_root}')
    pipeline = Pipeline(
        load_pipeline(PIPELINES[data], options), lambda line: print(f'{data} {seed}: {line}', flush=True)
    )
    if not args.show:
        pipeline.run()
    return pipeline.results()


def spread(values: list[float], digits: int = 1) -> str:
    """Mean and standard deviation."""
    return f'{mean(values):.{digits}f}' + (f' ± {stdev(values):.{digits}f}' if len(values) > 1 else '')


def rows_of(results: list[Mapping[str, Any]]) -> list[list[str]]:
    """A row a way that all seeds have."""
    rows = []
    for way, runs in WAYS.items():
        there = [one for one in results if f'{runs[-1]}_test' in one and all(run in one for run in runs)]
        if not there:
            continue
        figures = [one[f'{runs[-1]}_test']['figures'] for one in there]
        alarms = [(one.get('false_alarms') or {}).get('pixels') for one in figures]
        rows.append(
            [
                way,
                str(len(there)),
                *(spread([100 * one[name] for one in figures]) for name in FIGURES),
                spread([100 * share for share in alarms]) if all(share is not None for share in alarms) else '',
                ' + '.join(spread([one[run]['seconds'] for one in there], 0) for run in runs),
                spread([sum(one[run]['seconds'] for run in runs) for one in there], 0),
            ]
        )
    return rows


def main() -> None:
    """Entry point."""
    args = parse_args()
    quiet_hosts()
    torch.set_num_threads(args.threads)
    print(machine('cpu'))
    for data in args.data:
        results = [results_of(args, data, seed) for seed in args.seeds]
        print(f'\n{data}: percent; seconds')
        header = ('way', 'seeds', 'IoU of the set', 'IoU an image', 'mIoU', 'false alarms, pixels', 'seconds of each')
        table((*header, 'together'), rows_of(results))


if __name__ == '__main__':
    main()
