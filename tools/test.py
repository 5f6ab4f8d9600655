"""Test a checkpoint with its config's test loop and print the figures."""

from __future__ import annotations

import argparse

import mmwsss
from mmwsss.cli.arguments import add_config_arguments, add_launcher_arguments, add_trust_flag, config_of, tool_parser
from mmwsss.cli.session import tool_session
from mmwsss.utils.files import write_json


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'configs/vitb.py work_dirs/vitb/epoch_3.pth --out figures.json')
    add_config_arguments(parser, 'configs/seg/segformer_mit-b0_pseudo-512x512.py')
    parser.add_argument('checkpoint', help='the weights')
    parser.add_argument('--work-dir', help='folder for logs (work_dirs/<config name>)')
    parser.add_argument('--out', help='also write the figures to this JSON file')
    add_launcher_arguments(parser)
    add_trust_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        cfg = config_of(args)  # before the networks are imported: a slip in it is told at once
        figures = mmwsss.test(cfg, args.checkpoint, args.work_dir, args.launcher)
        for name, value in figures.items():
            print(f'{name}: {value}')
        if args.out:
            write_json(args.out, figures)


if __name__ == '__main__':
    main()
