"""Make pseudo masks from a trained classifier; a second call makes only what is missing."""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import json
import os
import sys

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # before PyTorch: its threads must not spin while others refine

from mmengine.config import DictAction

import mmwsss  # noqa: F401  (cures torchvision before a host imports it)
from mmwsss.apis import make_pseudo
from mmwsss.cli.main import add_trust_flag, report_errors
from mmwsss.config.loading import data_options, load_config
from mmwsss.pseudo import LAUNCHERS


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='pseudo config, for example configs/pseudo/gradcam_ms_crf.py')
    parser.add_argument('checkpoint', help='weights of the classifier or distiller')
    parser.add_argument('--out', required=True, help='output folder')
    parser.add_argument('--model-config', help='training config, for a checkpoint that does not carry its own')
    parser.add_argument('--workers', type=int, help='processes that refine (0: this one; as many as pay)')
    parser.add_argument(
        '--launcher',
        choices=LAUNCHERS,
        default='none',
        help='what started this and other processes',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument('--data', help='file that describes the data, for example configs/data/voc12.py')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='variables or keys: data_root=... a.b=1')
    add_trust_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Entry point; exit code 1 where an image failed."""
    args = parse_args()
    with report_errors():
        model_cfg = load_config(args.model_config) if args.model_config else None
        cfg = load_config(args.config, {**data_options(args.data), **(args.cfg_options or {})})
        summary = make_pseudo(cfg, args.checkpoint, args.out, model_cfg, args.workers, args.launcher)
    if 'images' not in summary:  # the first process of a launch speaks for all
        return
    print(json.dumps({key: summary[key] for key in ('images', 'ok', 'failed', 'made_now', 'seconds')}))
    for kind in ('unrefined', 'mask'):
        if kind in summary:
            print(
                f'{kind}: '
                + ', '.join(f'{key} {summary[kind][key]:.4f}' for key in ('iou_image', 'iou_dataset', 'miou'))
            )
    if summary['failed']:
        print(f'{summary["failed"]} images failed; the reasons are in {args.out}/manifest.jsonl', file=sys.stderr)
        sys.exit(1)


if __name__ == '__main__':
    main()
