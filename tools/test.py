"""Test a checkpoint with its config's test loop and print the figures."""

from __future__ import annotations

import argparse

from mmengine.config import DictAction

import mmwsss  # noqa: F401  (cures torchvision before a host imports it)
from mmwsss.apis import test
from mmwsss.cli.main import add_trust_flag, report_errors
from mmwsss.config.loading import data_options, load_config
from mmwsss.utils.files import write_json


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--work-dir', help='folder for logs (work_dirs/<config name>)')
    parser.add_argument('--out', help='also write the figures to this JSON file')
    parser.add_argument('--data', help='file that describes the data, for example configs/data/voc12.py')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='variables or keys: img_size=224 a.b=1')
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm', 'mpi'), default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    add_trust_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with report_errors():
        cfg = load_config(args.config, {**data_options(args.data), **(args.cfg_options or {})})
        figures = test(cfg, args.checkpoint, args.work_dir, args.launcher)
        for name, value in figures.items():
            print(f'{name}: {value}')
        if args.out:
            write_json(args.out, figures)


if __name__ == '__main__':
    main()
