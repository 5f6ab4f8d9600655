"""Make pseudo masks from a trained classifier; a second call makes only what is missing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

import mmwsss
from mmwsss.cli.arguments import (
    add_config_arguments,
    add_launcher_arguments,
    add_model_config_argument,
    add_trust_flag,
    config_of,
    model_config_of,
    tool_parser,
)
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'configs/pseudo/gradcam_ms_crf.py work_dirs/vitb/epoch_3.pth --out pseudo')
    add_config_arguments(parser, 'configs/pseudo/gradcam_ms_crf.py')
    parser.add_argument('checkpoint', help='weights of the classifier or distiller')
    parser.add_argument('--out', required=True, help='output folder')
    parser.add_argument('--workers', type=int, help='processes that refine (0: this one; as many as pay)')
    add_model_config_argument(parser)
    add_launcher_arguments(parser)
    add_trust_flag(parser)
    return parser.parse_args()


def show(summary: dict[str, Any]) -> None:
    """Print the counts, and the figures where there are masks to compare with."""
    print(json.dumps({key: summary[key] for key in ('images', 'ok', 'failed', 'made_now', 'seconds')}))
    for kind in ('unrefined', 'mask'):
        if kind in summary:
            figures = (f'{key} {summary[kind][key]:.4f}' for key in ('iou_image', 'iou_dataset', 'miou'))
            print(f'{kind}: {", ".join(figures)}')


def main() -> None:
    """Entry point; exit code 1 where an image failed."""
    args = parse_args()
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # before PyTorch: its threads must not spin while others refine
    with tool_session():
        cfg, model_cfg = config_of(args), model_config_of(args)  # before the networks are imported
        summary = mmwsss.make_pseudo(cfg, args.checkpoint, args.out, model_cfg, args.workers, args.launcher)
    if 'images' not in summary:  # the first process of a launch speaks for all
        return
    show(summary)
    if summary['failed']:
        print(f'{summary["failed"]} images failed; the reasons are in {args.out}/manifest.jsonl', file=sys.stderr)
        sys.exit(1)


if __name__ == '__main__':
    main()
