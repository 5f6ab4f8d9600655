"""Run a whole pipeline: teacher, control, student, pseudo masks, segmentor, report; finished stages are kept."""

from __future__ import annotations

import argparse
import warnings

from mmengine.config import DictAction

import mmwsss  # noqa: F401  (cures torchvision before a host imports it)
from mmwsss.apis import Pipeline, load_pipeline
from mmwsss.cli.main import add_trust_flag, report_errors


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='pipeline config, for example configs/pipelines/folder.py')
    parser.add_argument('--until', help='stop after this stage')
    parser.add_argument('--restart', help='throw away the results of this stage and of those after it')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='variables or keys: dataset_root=... a.b=1')
    add_trust_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    warnings.filterwarnings('ignore', module='mm(cv|seg|pretrain|engine)')  # hosts' advice on things that are meant
    with report_errors():
        Pipeline(load_pipeline(args.config, args.cfg_options)).run(args.until, args.restart)


if __name__ == '__main__':
    main()
