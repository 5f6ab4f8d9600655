"""Print a Markdown table over the summaries of pipeline runs that differ in their seed: mean and standard deviation."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmwsss.cli.arguments import tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'work_dirs/demo_seed42 work_dirs/demo_seed43')
    parser.add_argument('work_dirs', nargs='+', help='work folders with a summary.json')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        from mmwsss.visualization.comparison import comparison_table

        print(comparison_table([Path(folder) / 'summary.json' for folder in args.work_dirs]))


if __name__ == '__main__':
    main()
