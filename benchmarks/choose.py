"""Rules that choose without masks, judged on masks: regret in IoU points and Kendall's tau.

Candidates are networks and refiners; with 99 thresholds each is that many settings. What frames say (evidence) and the
IoU at every threshold (truth) are computed once a candidate and kept in --cache; rules are then a matter of seconds.
"""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import argparse
import ast
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from common import machine, table
from mmengine.registry import init_default_scope
from scipy.stats import kendalltau

from mmwsss.apis import init_for_maps
from mmwsss.apis.evidence import EvidencePlan, collect_evidence
from mmwsss.apis.judge import ERASERS, Encoder, Judge
from mmwsss.apis.score_maps import data_split, scored_frames, split_indices
from mmwsss.cli.host_noise import quiet_hosts
from mmwsss.config import load_config
from mmwsss.config.options import split_options
from mmwsss.datasets.masks import truth_of
from mmwsss.evaluation import CamFigures
from mmwsss.evaluation.choosing import choose, choose_by_default
from mmwsss.evaluation.evidence import THRESHOLDS, Evidence
from mmwsss.evaluation.rules import RULES
from mmwsss.registry import DATASETS

DEFAULT = 'default'
"""What mmwsss choose does where no rule is named."""


def parse_args() -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('data', help='description of the data, for example configs/data/smoke5k_wsss.py')
    parser.add_argument(
        'candidates',
        nargs='+',
        metavar='NAME=CONFIG,CHECKPOINT[,peer=CHECKPOINT][,VARIABLE=VALUE...]',
        help='a pseudo config each; a peer is a network whose masks should agree, in the place of mirrored frames',
    )
    parser.add_argument('--dataset-root', required=True)
    parser.add_argument('--cache', required=True, help='folder for what is computed once')
    parser.add_argument('--evidence', nargs='+', default=['val', 'train'], help='splits whose labels rules look at')
    parser.add_argument('--judged', nargs='+', default=['val', 'test'], help='splits whose masks say how good that was')
    parser.add_argument('--composites', type=int, default=264, help='0: the class cannot be generated')
    parser.add_argument(
        '--objects', help='folder of make_pseudo whose masks cut objects, the composites of --composites'
    )
    parser.add_argument('--views', choices=('mirrored', 'scaled', 'none'), default='mirrored', help='second looks')
    parser.add_argument('--erase', choices=tuple(ERASERS), default='fill', help='how a mask is taken out for the judge')
    parser.add_argument('--no-judge', action='store_true', help='ask no judge (it takes the longest)')
    parser.add_argument('--max-alarms', type=float, help='of mmwsss choose, for every rule')
    parser.add_argument('--threads', type=int, default=1)
    return parser.parse_args()


def literal(text: str) -> Any:
    """A Python literal, or the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


class Candidate:
    """A network and its refiners, loaded when something of it is not in the cache."""

    def __init__(self, args: argparse.Namespace, text: str) -> None:
        self.name, _, rest = text.partition('=')
        config, self.checkpoint, *options = rest.split(',')
        self.args = args
        values = {key: literal(value) for key, value in split_options(options).items()}
        self.peer: str | None = values.pop('peer', None)
        self.cfg = load_config(config, {**values, 'dataset_root': args.dataset_root}, data=args.data)
        self._model: torch.nn.Module | None = None
        self.key = f'{self.name}_{crc32(f"{args.data} {args.dataset_root} {rest}".encode()):08x}'

    @property
    def model(self) -> torch.nn.Module:
        """The network."""
        if self._model is None:
            self._model = init_for_maps(self.cfg, self.checkpoint)
        return self._model

    def truth(self, split: str) -> np.ndarray:
        """IoU of the set, (T,), over the images that show a class."""
        path = Path(self.args.cache) / f'{self.key}_{split}_truth.npy'
        if not path.exists():
            init_default_scope('mmpretrain')
            dataset = DATASETS.build(self.cfg[f'{split}_set'].to_dict())
            figures = CamFigures(dataset.metainfo['classes'])
            for frame in scored_frames(self.cfg, self.model, dataset, split_indices(dataset)[0], label=split):
                labels = frame.info['gt_label']
                figures.update(frame.scores[labels], labels, truth_of(frame.info, frame.img.shape[:2]))
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, np.array(figures.curve()['iou_dataset'])[1:100])
        return np.load(path)

    def evidence_path(self, split: str) -> Path:
        """Where evidence of a split is kept; what is looked at is part of its name."""
        looks = '_'.join([self.args.views, '' if self.args.no_judge else self.args.erase, str(self.args.composites)])
        looks += '_objects' if self.args.objects else ''
        return Path(self.args.cache) / f'{self.key}_{split}_{looks}.npz'

    def evidence(self, split: str, judge: Judge | None) -> Evidence:
        """What the rules see."""
        path = self.evidence_path(split)
        if not path.exists():
            views = None if self.args.views == 'none' else self.args.views
            plan = EvidencePlan(
                composites=self.args.composites, views=views, erase=self.args.erase, objects=self.args.objects
            )
            peer = init_for_maps(self.cfg, self.peer) if self.peer else None
            collect_evidence(self.cfg, self.model, data_split(self.cfg, split), plan, judge, peer).save(path)
        return Evidence.load(path)


def rule_row(
    rule: str, evidence: dict[str, Evidence], truths: dict[str, dict[str, np.ndarray]], max_alarms: float | None
) -> list[str] | None:
    """A rule's regrets and its tau; None where the evidence has not what it needs."""
    rule_of = partial(choose_by_default if rule == DEFAULT else partial(choose, rule=rule), max_alarms=max_alarms)
    try:
        single = {name: rule_of({name: one}) for name, one in evidence.items()}
        best = rule_of(evidence)
    except ValueError:
        return None
    cells = [rule]
    for truth in truths.values():
        place = {name: round(100 * choice.threshold) - 1 for name, choice in single.items()}
        regrets = [100 * (truth[name].max() - truth[name][place[name]]) for name in evidence]
        overall = max(curve.max() for curve in truth.values())
        chosen = truth[best.candidate][round(100 * best.threshold) - 1]
        kept = [name for name in evidence if name in best.curves]
        values = np.concatenate([best.curves[name] for name in kept])
        known = np.isfinite(values)
        tau = kendalltau(values[known], np.concatenate([truth[name] for name in kept])[known]).statistic
        ranks = kendalltau([row['score'] for row in best.table], [truth[row['candidate']].max() for row in best.table])
        cells += [f'{np.mean(regrets):.1f}', f'{max(regrets):.1f}', f'{100 * (overall - chosen):.1f}',
                  f'{tau:.2f}', f'{ranks.statistic:.2f}']  # fmt: skip
    return [*cells, f'{best.candidate} at {best.threshold:.2f}']


def expectations(evidence: dict[str, Evidence], truths: dict[str, dict[str, np.ndarray]]) -> list[list[str]]:
    """What is expected of the IoU at the threshold that composites choose, without masks, and what it is."""
    rows = []
    for name, one in evidence.items():
        place = int(np.nanargmax(RULES['composites_0.1'].curve(one)))
        values = [RULES[rule].curve(one)[place] for rule in ('composites_0.1', 'own', 'pu')]
        values += [truth[name][place] for truth in truths.values()]
        rows.append([name, f'{THRESHOLDS[place]:.2f}', *(f'{100 * value:.1f}' for value in values)])
    return rows


def main() -> None:
    """Entry point."""
    args = parse_args()
    quiet_hosts()
    torch.set_num_threads(args.threads)
    candidates = [Candidate(args, text) for text in args.candidates]
    truths = {split: {one.name: one.truth(split) for one in candidates} for split in args.judged}
    print(machine('cpu'), f'; {len(candidates)} candidates x {len(THRESHOLDS)} thresholds')
    table(
        ('candidate', *(f'{split}: best IoU, at, at 0.5' for split in truths)),
        [(one.name, *(f'{100 * curve.max():.1f}, {THRESHOLDS[curve.argmax()]:.2f}, {100 * curve[49]:.1f}'
                      for curve in (truth[one.name] for truth in truths.values()))) for one in candidates],
    )  # fmt: skip
    for split in args.evidence:
        judge = None
        missing = [one for one in candidates if not one.evidence_path(split).exists()]
        if missing and not args.no_judge:
            train = data_split(candidates[0].cfg, 'train')
            judge = Judge.learn(Encoder(), train, range(len(train)))
        evidence = {one.name: one.evidence(split, judge) for one in candidates}
        print(f'\nlabels of {split}; regret of the threshold alone: mean and most over candidates; of candidate and '
              'threshold; tau over all settings, and over candidates')  # fmt: skip
        columns = ('own t, mean', 'most', 'both', 'tau', 'tau of candidates')
        rows = [
            row for rule in (DEFAULT, *RULES) if (row := rule_row(rule, evidence, truths, args.max_alarms)) is not None
        ]
        table(('rule', *(f'{judged}: {column}' for judged in truths for column in columns), 'choice'), rows)
        if args.composites:
            print('\nIoU at the threshold that composites choose: expected by them, by the scores, by pu; true')
            table(('candidate', 'at', 'composites', 'own', 'pu', *truths), expectations(evidence, truths))


if __name__ == '__main__':
    main()
