"""Bound false alarms: the smallest threshold that keeps them below alpha, from frames that show nothing."""

from __future__ import annotations

import argparse
from typing import Any

from mmwsss.cli.arguments import (
    add_config_arguments,
    add_grouping_arguments,
    add_model_config_argument,
    add_trust_flag,
    config_of,
    grouping_of,
    model_config_of,
    tool_parser,
)
from mmwsss.cli.session import tool_session
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import json_text, write_json


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'configs/pseudo/segmentor.py work_dirs/seg/epoch_20.pth --alpha 0.05 --split val')
    add_config_arguments(parser, 'configs/pseudo/segmentor.py')
    parser.add_argument('checkpoint', help='weights of the segmentor or classifier')
    parser.add_argument('--alpha', type=float, default=0.01, help='the bound (0.01)')
    parser.add_argument(
        '--risk', choices=('frames', 'pixels'), default='frames', help='frames that alarm, or pixels in masks'
    )
    parser.add_argument('--confidence', type=float, help='share of calibrations in which the bound holds, not the mean')
    parser.add_argument(
        '--among', type=int, default=1, help='networks that one was chosen from on these very frames: they share alpha'
    )
    parser.add_argument('--min-share', type=float, default=0.001, help='smallest region that alarms, share of it')
    splits = ('aside', 'val', 'test', 'train')
    parser.add_argument('--split', choices=splits, default='val', help='whose frames are kept aside')
    parser.add_argument('--check', choices=splits, help='also say the risk on another split')
    parser.add_argument('--limit', type=int, help='frames at most')
    parser.add_argument('--out', help='also write the result to this JSON file')
    add_grouping_arguments(parser)
    add_model_config_argument(parser)
    add_trust_flag(parser)
    return parser.parse_args()


def calibrate(args: argparse.Namespace) -> dict[str, Any]:
    """The bound, and the risk elsewhere."""
    cfg, model_cfg = config_of(args), model_config_of(args)
    from mmwsss.apis import init_for_maps  # imports the networks
    from mmwsss.apis.calibration import collect_false_alarms, why_no_promise
    from mmwsss.apis.score_maps import data_split

    if reason := why_no_promise(cfg, args.split, grouping_of(args, '')):
        raise InputError(f'Expected --split and --blocks that a promise can rest on, but {reason}.')
    model = init_for_maps(cfg, args.checkpoint, model_cfg)

    def collect(split: str) -> Any:
        dataset = data_split(cfg, split)
        grouping = grouping_of(args, dataset.metainfo['image_root'])
        return collect_false_alarms(cfg, model, dataset, grouping, args.min_share, args.limit)

    bound = collect(args.split).bound(args.alpha, args.risk, args.confidence, args.among)
    result = {'split': args.split, **bound.to_dict(), 'among': args.among}
    if args.check:
        other = collect(args.check)
        risk = other.risk_at(bound.threshold, args.risk)
        result['check'] = {'split': args.check, 'blocks': other.blocks, 'risk': risk, 'holds': risk <= args.alpha}
    return result


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        result = calibrate(args)
        print(json_text(result))
        if args.out:
            write_json(args.out, result)


if __name__ == '__main__':
    main()
