"""Train any config: a teacher, a student, a baseline, or a segmentor on pseudo masks."""

from __future__ import annotations

import argparse

from mmengine.config import DictAction

import mmwsss  # noqa: F401  (cures torchvision before a host imports it)
from mmwsss.apis import train
from mmwsss.cli.main import add_trust_flag, report_errors
from mmwsss.config.loading import data_options, load_config


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file, for example configs/ts_vitb_r50_cos_global.py')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints (work_dirs/<config name>)')
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoint of the work folder')
    parser.add_argument('--amp', action='store_true', help='mixed precision')
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
        train(cfg, args.work_dir, args.resume, args.launcher, args.amp)


if __name__ == '__main__':
    main()
