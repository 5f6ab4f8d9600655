"""What correcting a few training masks gives: the worst-looking ones, by a score that needs no truth, or random ones.

It goes on from a finished configs/pipelines/plumes_smoke5k.py, which is only read. The masks that its second round
learned from are made again with their maps; those of N crops (whole crops of 256 x 256, not photographs) get the true
masks as corrections, as a person would give them; and the second round is trained again from the first's segmentor.
Nothing is done twice: a call that was stopped goes on.

python benchmarks/corrections.py --dataset-root data/smoke5k_wsss --pipeline work_dirs/plumes_smoke5k
"""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse
import functools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import machine, table
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmwsss.apis.pseudo_masks import make_pseudo
from mmwsss.apis.training import test, train
from mmwsss.cli.host_noise import quiet_hosts
from mmwsss.datasets.masks import truth_of
from mmwsss.evaluation import PixelCounts, expected_dice, segmentation_figures
from mmwsss.exports import Correction, MaskFolder, MaskItem
from mmwsss.exports.mask_folder import write_corrections
from mmwsss.registry import DATASETS
from mmwsss.runs import Pipeline, load_pipeline
from mmwsss.utils.files import read_json, write_json
from mmwsss.visualization.kept_maps import read_maps

CHOICES = ('worst', 'random')
FIGURES = ('iou_dataset', 'iou_image', 'false_alarm_images')


def parse_args() -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--dataset-root', required=True)
    parser.add_argument('--pipeline', required=True, help='work folder of the finished pipeline')
    parser.add_argument('--out', default='work_dirs/corrections')
    parser.add_argument('--numbers', nargs='+', type=int, default=[0, 20, 50, 100], help='masks to correct')
    parser.add_argument('--choices', nargs='+', choices=CHOICES, default=CHOICES, help='how they are chosen')
    parser.add_argument('--repeat', type=int, default=1, help='how often a corrected crop is shown an epoch')
    parser.add_argument('--seed', type=int, default=42, help='of the training and of the random choice')
    parser.add_argument('--steps', type=int, default=0, help='of each training, to try the script; 0: as the pipeline')
    parser.add_argument('--only-choose', action='store_true', help='say how wrong the chosen masks are, train nothing')
    parser.add_argument('--threads', type=int, default=1, help='of PyTorch')
    return parser.parse_args()


class Experiment:
    """The second round of a finished pipeline, with some of its masks corrected."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.out = args, Path(args.out)
        options = {'dataset_root': args.dataset_root, 'work_dir': args.pipeline, 'seed': args.seed}
        self.pipeline = Pipeline(load_pipeline('configs/pipelines/plumes_smoke5k.py', options))
        folder = Path(args.pipeline) / 'segmentor_1'
        self.start = folder / read_json(folder / 'result.json')['files']['checkpoint']
        cfg = self._config('masks_2')
        cfg.pseudo.save_cam = True
        make_pseudo(cfg, self.start, self.out / 'masks')
        init_default_scope('mmpretrain')
        self.dataset = DATASETS.build(cfg.pseudo.dataset)
        self.masks = MaskFolder(self.out / 'masks')
        self.items = [item for item in self.masks.items if item.record.labels]  # the others are not trained on

    def _config(self, name: str, **filled: Any) -> Config:
        cfg = self.pipeline.runs[name].load(filled)
        init_default_scope(cfg.default_scope)
        return cfg

    @functools.cached_property
    def orders(self) -> dict[str, list[MaskItem]]:
        """All crops with the class: the worst-looking first, and in random order."""
        looks = [expected_dice(item.mask(), read_maps(self.masks, item)) for item in self.items]
        shuffled = np.random.default_rng([self.args.seed, 16]).permutation(len(self.items))
        return {
            'worst': [self.items[index] for index in np.argsort(looks, kind='stable')],
            'random': [self.items[index] for index in shuffled],
        }

    @functools.cached_property
    def truths(self) -> dict[str, Mapping[str, Any]]:
        """Items of the data set, which know their true masks, by image path."""
        return {info['img_path']: info for info in map(self.dataset.get_data_info, range(len(self.dataset)))}

    def figures_of(self, items: Sequence[MaskItem]) -> dict[str, Any]:
        """How good some masks are, by the counts that the manifest has of each."""
        counts = [PixelCounts.from_list(item.record.counts['mask']) for item in items]
        return segmentation_figures(counts, self.masks.classes)

    def _corrections(self, items: Sequence[MaskItem]) -> Iterator[Correction]:
        for item in items:
            truth = truth_of(self.truths[item.img_path], item.size())
            if truth is None:
                raise SystemExit(f'No true mask of {item.img_path}.')
            yield Correction(item, truth, provenance={'by': 'ground truth'})

    def trained(self, choice: str, number: int) -> dict[str, Any]:
        """Figures on the test set of the second round with some masks corrected; those that stand, if any.

        Without any, both choices are the same training.
        """
        settings = '_'.join(f'{key}{getattr(self.args, key)}' for key in ('seed', 'repeat', 'steps'))
        folder = self.out / settings / (f'{choice}_{number}' if number else 'none')
        result = folder / 'result.json'
        if result.is_file():
            return read_json(result)
        variables: dict[str, Any] = {'pseudo_root': str(self.masks.path), 'segmentor_init': str(self.start)}
        if number:
            corrected = folder / 'corrected'
            shutil.rmtree(corrected, ignore_errors=True)
            chosen = self.orders[choice][:number]
            write_corrections(self.masks, self._corrections(chosen), corrected, {'choice': choice})
            variables.update(corrections=str(corrected), corrections_repeat=self.args.repeat)
        if self.args.steps:
            variables.update(epochs=1, steps_per_epoch=self.args.steps)
        print(f'training with {number} corrected masks ({choice}) ...', flush=True)
        runner = train(self._config('segmentor_2', **variables), folder / 'train', resume=True, quiet=True)
        checkpoint = Path((folder / 'train' / 'last_checkpoint').read_text().strip())
        figures = test(self._config('segmentor_2_test'), checkpoint, folder / 'test', quiet=True)
        found = {name: figures[name] for name in FIGURES}
        write_json(result, {**found, 'steps': runner.iter})
        return found


def percent(value: float) -> str:
    """A share in percent."""
    return f'{100 * value:.1f}'


def main() -> None:
    """Entry point."""
    args = parse_args()
    quiet_hosts()
    torch.set_num_threads(args.threads)
    experiment = Experiment(args)
    whole = experiment.figures_of(experiment.items)
    print(machine('cpu'), f'; {len(experiment.items)} crops with smoke; seed {args.seed}; per cent')
    header = ('masks', 'mean IoU of these masks', 'their IoU as a set')
    rows = [('all', percent(whole['iou_image']), percent(whole['iou_dataset']))]
    for choice in args.choices:
        for number in filter(None, args.numbers):
            chosen = experiment.figures_of(experiment.orders[choice][:number])
            rows.append((f'{number} {choice}', percent(chosen['iou_image']), percent(chosen['iou_dataset'])))
    table(header, rows)
    if args.only_choose:
        return
    rows = []
    for number in args.numbers:
        for choice in args.choices if number else args.choices[:1]:
            figures = experiment.trained(choice, number)
            rows.append((number, choice if number else '', *(percent(figures[name]) for name in FIGURES)))
    header = ('corrected', 'chosen', 'test: IoU of the set', 'mean IoU of the crops', 'smoke-free crops with a mask')
    table(header, rows)


if __name__ == '__main__':
    main()
