"""Learning-rate range test: the loss while the rate grows, as CSV and PNG, and the steepest place as a suggestion."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmengine.config import DictAction

import mmwsss  # noqa: F401  (cures torchvision before a host imports it)
from mmwsss.apis.lr_range import lr_range_test
from mmwsss.cli.main import add_trust_flag, report_errors
from mmwsss.config.loading import load_config


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='training config, for example configs/ts_vitb_r50_cos_global.py')
    parser.add_argument('--out', help='output folder (work_dirs/lr_range/<config name>)')
    parser.add_argument('--lowest', type=float, help='first rate (1e-7)')
    parser.add_argument('--highest', type=float, help='last rate (10)')
    parser.add_argument('--steps', type=int, help='number of steps (100)')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='variables or keys: img_size=224 a.b=1')
    add_trust_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with report_errors():
        cfg = load_config(args.config, args.cfg_options)
        out = args.out or Path('work_dirs/lr_range') / Path(args.config).stem
        given = {name: getattr(args, name) for name in ('lowest', 'highest', 'steps')}
        result = lr_range_test(cfg, out, **{name: value for name, value in given.items() if value is not None})
    print(f'suggestion: {result["suggestion"]:.3g}   ({result["steps"]} steps; {result["csv"]}, {result["png"]})')


if __name__ == '__main__':
    main()
