"""Choose network, refiners and threshold without a mask, from image labels and composites."""

from __future__ import annotations

import argparse
import ast
from pathlib import Path
from typing import Any

from mmwsss.cli.arguments import (
    add_config_arguments,
    add_grouping_arguments,
    add_model_config_argument,
    add_trust_flag,
    grouping_of,
    model_config_of,
    tool_parser,
)
from mmwsss.cli.session import tool_session
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import json_text, write_json


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'configs/pseudo/segmentor.py --checkpoints a.pth b.pth --data configs/data/x.py')
    add_config_arguments(parser, 'configs/pseudo/segmentor.py')
    parser.add_argument('--also', nargs='+', default=[], metavar='CONFIG', help='other pseudo configs to choose from')
    parser.add_argument('--checkpoints', nargs='+', required=True, help='weights: rounds, epochs, networks')
    parser.add_argument(
        '--peers',
        nargs='+',
        help='for each of --checkpoints the same training with another seed: masks that should agree, in the place of '
        'those of mirrored frames',
    )
    parser.add_argument(
        '--vary', nargs='+', default=[], metavar='NAME=A,B,C', help='variables of the configs: bg_exponent=1,4,16'
    )
    parser.add_argument(
        '--rule', help='composites_then_own, otsu, image_labels, own, ...: mmwsss.evaluation.rules.RULES'
    )
    parser.add_argument(
        '--max-alarms',
        type=float,
        metavar='SHARE',
        help='most of the frames without a class that may have a mask above 1 %% of the area: 0.05',
    )
    parser.add_argument('--split', choices=('aside', 'val', 'test', 'train'), help='whose image labels are looked at')
    parser.add_argument('--frames', type=int, default=300, help='most frames with a class, and most without')
    parser.add_argument(
        '--composites',
        type=int,
        help='of generated smoke; 0: the class is something else (default: 264 of data with one class, 0 of several)',
    )
    parser.add_argument(
        '--objects',
        metavar='DIR',
        help='folder of make_pseudo whose masks cut objects, which are pasted in the place of generated smoke '
        '(--composites says how many; default: 264)',
    )
    parser.add_argument(
        '--views',
        nargs='?',
        const='mirrored',
        choices=('mirrored', 'scaled'),
        help='a second look at every frame, which some rules need: its mirror image (default), or at a smaller size',
    )
    parser.add_argument(
        '--erase', choices=('fill', 'blur'), default='fill', help='how erase_keep takes a mask out of a picture'
    )
    parser.add_argument('--keep', metavar='DIR', help='keep what was seen of each candidate')
    parser.add_argument('--out', help='also write the choice to this JSON file')
    add_grouping_arguments(parser)
    add_model_config_argument(parser)
    add_trust_flag(parser)
    return parser.parse_args()


def varied(texts: list[str]) -> dict[str, list[Any]]:
    """Values by variable of ``--vary``."""
    found: dict[str, list[Any]] = {}
    for text in texts:
        name, equal, values = text.partition('=')
        if not equal or not values:
            raise InputError(f'Expected NAME=A,B,C for --vary, but got {text!r}.')
        try:
            found[name] = list(ast.literal_eval(f'[{values}]'))
        except (ValueError, SyntaxError):
            found[name] = [_literal(value) for value in values.split(',')]
    return found


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The choice, and what stood beside it."""
    from mmwsss.apis.choosing import Candidate, choose_candidate, variations  # imports the networks
    from mmwsss.apis.evidence import EvidencePlan, composites_of
    from mmwsss.apis.score_maps import data_split, split_name
    from mmwsss.config import load_config
    from mmwsss.config.options import ABSENT, parse_text, split_options

    peers = args.peers or [None] * len(args.checkpoints)
    if len(peers) != len(args.checkpoints):
        raise InputError(f'Expected a network of --peers for each of {len(args.checkpoints)}, but got {len(peers)}.')
    candidates = []
    for config in (args.config, *args.also):
        plain = load_config(config, data=args.data, scale=args.scale)
        texts = split_options(args.cfg_options or [])
        given = {name: parse_text(name, text, plain.get(name, ABSENT)) for name, text in texts.items()}
        for values in variations(varied(args.vary)):
            cfg = load_config(config, {**given, **values}, data=args.data, scale=args.scale)
            for checkpoint, peer in zip(args.checkpoints, peers):
                name = ' '.join([Path(config).stem, *(f'{key}={value}' for key, value in values.items()), checkpoint])
                name = name.replace('/', '_')
                candidates.append(Candidate(name, cfg, checkpoint, values, model_config_of(args), peer))
    split = split_name(candidates[0].cfg, args.split)
    dataset = data_split(candidates[0].cfg, split)
    composites = composites_of(
        dataset, EvidencePlan.composites if args.objects and args.composites is None else args.composites
    )
    grouping = grouping_of(args, dataset.metainfo['image_root'])
    plan = EvidencePlan(args.frames, composites, args.views, args.erase, grouping=grouping, objects=args.objects)
    best, choice = choose_candidate(candidates, split, args.rule, plan, args.keep, args.max_alarms)
    return {
        'split': split,
        'rule': choice.rule,
        **({'because': choice.reason} if choice.reason else {}),
        'config': best.cfg.filename,
        'checkpoint': best.checkpoint,
        **best.values,
        'threshold': choice.threshold,
        'candidates': choice.table,
    }


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        result = run(args)
        print(json_text(result))
        if args.out:
            write_json(args.out, result)


if __name__ == '__main__':
    main()
