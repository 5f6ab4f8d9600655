r"""What wrong image labels cost: IoU of class maps that learned from them, and once the suspects were answered.

Labels of the training images are turned round at random. "Answered" are the first n suspects (mmwsss suspects), n being
the number of wrong labels: each is said to be right or wrong, and the labels are those that --answers writes. What
stands is not done again.

python benchmarks/wrong_labels.py                    # a teacher (Lite0 and PCM) on generated scenes
python benchmarks/wrong_labels.py --data configs/data/smoke5k_wsss.py --dataset-root DATA --block-table TABLE \
  --block-columns id source_photo                    # a pooled head on the frozen Lite0 (configs/frozen_lite0.py)

With --segmentor VARIABLE=VALUE ... the whole way is run for each list of labels: configs/pipelines/smoke5k.py with
method=False and these variables, or plumes=True where they say so, to a segmentor.
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
from mmwsss.apis.suspects import image_labels, label_suspects, write_answered_labels
from mmwsss.cli.host_noise import quiet_hosts
from mmwsss.config import load_config, load_data
from mmwsss.datasets.converters.scenes import export_scenes
from mmwsss.datasets.groups import Grouping
from mmwsss.registry import DATASETS
from mmwsss.runs import Pipeline, load_pipeline
from mmwsss.utils.files import atomic_write, path_below, read_json, write_json


def parse_args() -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', default='work_dirs/wrong_labels')
    parser.add_argument('--data', help='description of the data, of one class; without it, generated scenes')
    parser.add_argument('--dataset-root')
    parser.add_argument('--block-table', help='CSV of images and their photos')
    parser.add_argument('--block-columns', nargs=2, default=('path', 'block'))
    parser.add_argument('--shares', nargs='+', type=float, default=[0.05, 0.1, 0.2], help='of labels that are wrong')
    parser.add_argument('--scenes', type=int, default=800, help='of the training; 160 are for the test')
    parser.add_argument('--epochs', type=int, help='default: 3 on scenes, 10 otherwise')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--threads', type=int, default=1, help='of PyTorch')
    parser.add_argument(
        '--segmentor', nargs='*', metavar='VARIABLE=VALUE', help='of the pipeline, which is run instead'
    )
    return parser.parse_args()


class Experiment:
    """Classifiers of one class, with labels of several kinds."""

    columns: tuple[str, ...] = ('IoU of the set at 0.3', 'at the best threshold')

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.out = args, Path(args.out)
        if args.data:
            self.data = {**load_data(args.data), 'dataset_root': args.dataset_root}
            self.network, self.maps, self.scale = 'configs/frozen_lite0.py', 'configs/pseudo/gradcam_ms.py', None
            size = {'img_size': 192}
            kept = str(self.out / 'features')
            self.training = {**size, 'epochs': args.epochs or 10, 'kept_features': kept, 'num_workers': 0}
            self.making = {**size, 'scales': [1.0], 'flip': True, 'method': 'cam', 'per_scale_min_max': False}
        else:
            self.data = {**load_data('plume_scenes'), 'dataset_root': str(self._scenes())}
            self.network, self.maps, self.scale = 'configs/r50_pcm.py', 'configs/pseudo/pcm_ms.py', 'small'
            size = {'img_size': 128, 'batch_size': 16}
            self.training = {**size, 'epochs': args.epochs or 3, 'teacher_maps': 'classes'}
            self.making = {**size, 'scales': [1.0, 2.0]}
        self.data['val_img'] = None
        init_default_scope('mmpretrain')
        self.dataset = self.labelled(self.data['train_ann'])
        self.labels = image_labels(self.dataset)[:, 0]

    def _scenes(self) -> Path:
        root = self.out / 'scenes'
        if not (root / 'done.json').exists():
            export_scenes(root, {'train': self.args.scenes, 'test': 160}, 96, 0, (0.7, 0.4))
            write_json(root / 'done.json', {})
        return root

    def config(self, labels: str, name: str, **options: Any) -> Config:
        """A config on the data with a list of labels."""
        return load_config(name, options, data={**self.data, 'train_ann': labels}, scale=self.scale)

    def labelled(self, labels: str) -> Any:
        """The training set with a list of labels."""
        return DATASETS.build(self.config(labels, self.network).train_set.to_dict())

    def grouping(self) -> Grouping:
        """Blocks of images; each generated scene is one."""
        if self.args.block_table:
            columns = tuple(self.args.block_columns)
            return Grouping(self.args.block_table, columns, root=self.dataset.metainfo['image_root'])
        return Grouping(pattern=r'([^/]+)$')

    def write_labels(self, name: str, labels: np.ndarray) -> str:
        """A CSV of the training images; its path."""
        path = (self.out / 'labels' / f'{name}.csv').resolve()
        shown = self.dataset.metainfo['classes'][0]
        with atomic_write(path) as handle:
            writer = csv.writer(handle)
            writer.writerow(('path', 'label'))
            for index, label in enumerate(labels):
                info = self.dataset.get_data_info(index)
                writer.writerow(
                    (path_below(info['img_path'], self.dataset.metainfo['image_root']), shown if label else '')
                )
        return str(path)

    def answer(self, name: str, given: str, labels: np.ndarray, asked: list[int]) -> str:
        """A CSV of labels, of which some were asked about and answered; its path."""
        dataset, answers = self.labelled(given), {}
        for index in asked:
            path = path_below(dataset.get_data_info(index)['img_path'], dataset.metainfo['image_root'])
            answers[path] = 'right' if labels[index] == self.labels[index] else 'wrong'
        written = (self.out / 'labels' / f'{name}.csv').resolve()
        write_answered_labels(dataset, answers, written)
        return str(written)

    def figures(self, name: str, written: str, seed: int) -> tuple[float, ...]:
        """IoU of the set, test images, of maps that learned these labels: at 0.3, and at the best threshold."""
        folder = self.out / f'{name}_seed{seed}'
        if not (folder / 'figures.json').exists():
            train(self.config(written, self.network, seed=seed, **self.training), folder, resume=True, quiet=True)
            maps = self.config(written, self.maps, **self.making)
            collected = evaluate_cams(maps, init_for_maps(maps, find_latest_checkpoint(str(folder))), maps.test_set)
            write_json(folder / 'figures.json', collected.compute(0.3))
        figures = read_json(folder / 'figures.json')
        return 100 * figures['iou_dataset'], 100 * figures['oracle']['iou_dataset']


class WholeWay(Experiment):
    """Segmentors in the place of class maps."""

    columns = ('pseudo masks of test images, IoU of the set', 'segmentor, at 0.5', 'false alarms, pixels')

    def figures(self, name: str, written: str, seed: int) -> tuple[float, ...]:
        """Of a pipeline that learned from these labels; its last segmentor."""
        folder = self.out / f'{name}_seed{seed}'
        description = folder.with_suffix('.py')
        data = {**self.data, 'train_ann': written}
        with atomic_write(description) as handle:
            handle.write('\n'.join(["kind = 'data'", *(f'{key} = {value!r}' for key, value in data.items()), '']))
        options = ['method=False', *self.args.segmentor, f'seed={seed}', f'work_dir={folder}']
        options.append(f'dataset_root={data["dataset_root"]}')
        pipeline = Pipeline(
            load_pipeline('configs/pipelines/smoke5k.py', options, data=str(description)),
            lambda line: print(f'{name}, {seed}: {line}', flush=True),
        )
        pipeline.run()
        results = pipeline.results()
        last = [stage for stage, kind in pipeline.stages.items() if kind == 'segmentor'][-1]
        masks = [stage for stage, kind in pipeline.stages.items() if kind == 'pseudo'][-1]
        tested = results[f'{last}_test']['figures']
        shares = (results[f'{masks}_test']['figures']['iou_dataset'], tested['iou_dataset'])
        return (*(100 * share for share in shares), 100 * tested['false_alarms']['pixels'])


def main() -> None:
    """Entry point."""
    args = parse_args()
    quiet_hosts()
    torch.set_num_threads(args.threads)
    experiment, rows = (Experiment if args.segmentor is None else WholeWay)(args), []
    arms = {'right': experiment.write_labels('right', experiment.labels)}
    for share in args.shares:
        number = round(share * len(experiment.labels))
        planted = np.random.default_rng([0, 7]).permutation(len(experiment.labels))[:number]
        wrong = experiment.labels.copy()
        wrong[planted] ^= True
        name = f'wrong_{round(100 * share)}'
        written = experiment.write_labels(name, wrong)
        suspects = label_suspects(experiment.labelled(written), experiment.grouping())
        answered = name.replace('wrong', 'answered')
        arms[name] = written
        arms[answered] = experiment.answer(answered, written, wrong, suspects.ranked()[:number])
    for name, written in arms.items():
        found = np.array([experiment.figures(name, written, seed) for seed in args.seeds])
        still = int((image_labels(experiment.labelled(written))[:, 0] != experiment.labels).sum())
        mean, spread = found.mean(0), found.std(0, ddof=min(1, len(found) - 1))
        cells = [f'{m:.1f}' + (f' ± {s:.1f}' if len(found) > 1 else '') for m, s in zip(mean, spread)]
        rows.append((name, still, *cells))
        print(*rows[-1], flush=True)
    print(machine('cpu'), f'; {len(experiment.labels)} images, seeds {args.seeds}; per cent')
    table(('labels', 'wrong ones', *experiment.columns), rows)


if __name__ == '__main__':
    main()
