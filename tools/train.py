"""Train any config: a teacher, a student, a baseline, or a segmentor on pseudo masks."""

from __future__ import annotations

import argparse

import mmwsss
from mmwsss.cli.arguments import add_config_arguments, add_launcher_arguments, add_trust_flag, config_of, tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(
        __doc__, 'configs/vitb.py --scale small --work-dir work_dirs/new --cfg-options dataset_root=/data/smoke'
    )
    add_config_arguments(parser, 'configs/ts_vitb_r50_cos_global.py')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints (work_dirs/<config name>)')
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoint of the work folder')
    parser.add_argument('--amp', action='store_true', help='mixed precision')
    add_launcher_arguments(parser)
    add_trust_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        cfg = config_of(args)  # before the networks are imported: a slip in it is told at once
        mmwsss.train(cfg, args.work_dir, args.resume, args.launcher, args.amp)


if __name__ == '__main__':
    main()
