"""Evaluate a classifier's class activation maps on a split with masks."""

from __future__ import annotations

import argparse
from typing import Any

from mmwsss.cli.arguments import (
    add_config_arguments,
    add_model_config_argument,
    add_trust_flag,
    config_of,
    model_config_of,
    tool_parser,
)
from mmwsss.cli.session import tool_session
from mmwsss.utils.files import json_text, write_json


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'configs/pseudo/gradcam_ms.py work_dirs/vitb/epoch_3.pth --split val')
    add_config_arguments(parser, 'configs/pseudo/gradcam_ms.py')
    parser.add_argument('checkpoint', help='weights of the classifier or distiller')
    parser.add_argument(
        '--split', choices=('val', 'test', 'pseudo'), default='test', help='pseudo: the training images'
    )
    parser.add_argument(
        '--protocol', help='protocol of PASCAL VOC 2012 in place of --split: val, train_1464_fixed, train_1464_oracle'
    )
    parser.add_argument('--crf', action='store_true', help='with --protocol: maps go through a dense CRF first')
    parser.add_argument('--threshold', type=float, default=0.3, help='where the figures are taken')
    parser.add_argument('--out', help='also write the figures, with the threshold curve, to this JSON file')
    add_model_config_argument(parser)
    add_trust_flag(parser)
    return parser.parse_args()


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """The figures of a split or a protocol."""
    cfg, model_cfg = config_of(args), model_config_of(args)
    # these import the networks
    from mmwsss.apis import build_images, evaluate_cams, evaluate_protocol, init_for_maps, label_source

    dataset = build_images(cfg, args.split, args.protocol)
    model = init_for_maps(cfg, args.checkpoint, model_cfg, dataset.metainfo['classes'])
    if args.protocol:
        return evaluate_protocol(cfg, model, args.protocol, args.threshold, args.crf, dataset)
    collected = evaluate_cams(cfg, model, dataset)
    curve = {'curve': collected.curve()} if collected.shows_a_class else {}
    return {'label_source': label_source(cfg), **collected.compute(args.threshold), **curve}


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        figures = evaluate(args)
        print(json_text({key: value for key, value in figures.items() if key != 'curve'}))
        if args.out:
            write_json(args.out, figures)


if __name__ == '__main__':
    main()
