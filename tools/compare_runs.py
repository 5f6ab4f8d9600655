"""Print a Markdown table over the summaries of pipeline runs that differ in their seed: mean and standard deviation."""

from __future__ import annotations

import argparse
from pathlib import Path

import mmwsss  # noqa: F401  (cures torchvision before a host imports it)
from mmwsss.cli.main import report_errors
from mmwsss.visualization.comparison import comparison_table


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dirs', nargs='+', help='work folders with a summary.json')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with report_errors():
        print(comparison_table([Path(folder) / 'summary.json' for folder in args.work_dirs]))


if __name__ == '__main__':
    main()
