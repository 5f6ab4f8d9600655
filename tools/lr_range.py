"""Learning-rate range test: the loss while the rate grows, as CSV and PNG, and the steepest place as a suggestion."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmwsss.cli.arguments import add_config_arguments, add_trust_flag, config_of, tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'configs/vitb.py --scale small --steps 200 --cfg-options dataset_root=/data/smoke')
    add_config_arguments(parser, 'configs/ts_vitb_r50_cos_global.py')
    parser.add_argument('--out', help='output folder (work_dirs/lr_range/<config name>)')
    parser.add_argument('--lowest', type=float, help='first rate (1e-7)')
    parser.add_argument('--highest', type=float, help='last rate (10)')
    parser.add_argument('--steps', type=int, help='number of steps (100)')
    add_trust_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        cfg = config_of(args)
        from mmwsss.apis import lr_range_test  # not for --help, nor for a slip in the config: it imports the networks

        out = args.out or Path('work_dirs/lr_range') / Path(args.config).stem
        given = {name: getattr(args, name) for name in ('lowest', 'highest', 'steps')}
        chosen = {name: value for name, value in given.items() if value is not None}
        result = lr_range_test(cfg, out, **chosen)
    print(f'suggestion: {result["suggestion"]:.3g}   ({result["steps"]} steps; {result["csv"]}, {result["png"]})')


if __name__ == '__main__':
    main()
