"""Measure masks without masks: IoU on composites, recall by size and opacity, false alarms by camera and hour."""

from __future__ import annotations

import argparse
from pathlib import Path
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
from mmwsss.utils.files import json_text, write_json


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'configs/pseudo/segmentor.py work_dirs/seg/epoch_15.pth --threshold 0.2 --out m.json')
    add_config_arguments(parser, 'configs/pseudo/segmentor.py')
    parser.add_argument('checkpoint', help='weights of the segmentor or classifier')
    parser.add_argument('--threshold', type=float, required=True, help='where scores are cut; mmwsss choose finds one')
    parser.add_argument('--split', choices=('aside', 'val', 'test', 'train'), help='whose frames are looked at')
    parser.add_argument('--frames', type=int, default=300, help='most frames with a class, and most without')
    parser.add_argument(
        '--composites',
        type=int,
        help='of generated smoke; 0: the class is something else (default: 264 of data with one class, 0 of several)',
    )
    parser.add_argument('--out', help='also write the figures to this JSON file')
    parser.add_argument('--page', help='also write an HTML page with pictures of what is missed')
    add_grouping_arguments(parser)
    add_model_config_argument(parser)
    add_trust_flag(parser)
    return parser.parse_args()


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The figures."""
    cfg, model_cfg = config_of(args), model_config_of(args)
    from mmwsss.apis import init_for_maps  # imports the networks
    from mmwsss.apis.evidence import EvidencePlan, composites_of
    from mmwsss.apis.measuring import measure_masks
    from mmwsss.apis.score_maps import data_split, split_name

    split = split_name(cfg, args.split)
    dataset = data_split(cfg, split)
    grouping = grouping_of(args, dataset.metainfo['image_root'])
    composites = composites_of(dataset, args.composites)
    plan = EvidencePlan(args.frames, composites, grouping=grouping, seed=1)  # others than those that choose
    model = init_for_maps(cfg, args.checkpoint, model_cfg)
    return {'split': split, **measure_masks(cfg, model, dataset, args.threshold, plan)}


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        from mmwsss.apis.measuring import without_pictures, write_measure_page

        figures = run(args)
        print(json_text(without_pictures(figures)))
        if args.out:
            write_json(args.out, without_pictures(figures))
        if args.page:
            write_measure_page(args.page, figures, Path(args.checkpoint).stem)


if __name__ == '__main__':
    main()
