"""Compare trainings by their logs: a table of every logged value, and curves of some."""

from __future__ import annotations

import argparse

from mmwsss.cli.arguments import tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'work_dirs/demo/teacher work_dirs/demo/student --keys loss --out curves.png')
    parser.add_argument('work_dirs', nargs='+', help="work folders of trainings, with MMEngine's log")
    parser.add_argument('--keys', nargs='+', default=['loss'], help='values to draw; default: loss')
    parser.add_argument('--out', help='picture of the curves (.png, .svg, .pdf)')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        from mmwsss.visualization.training_logs import draw_logs, log_table  # not for --help

        print(log_table(args.work_dirs))
        if args.out:
            draw_logs(args.work_dirs, args.keys, args.out)


if __name__ == '__main__':
    main()
