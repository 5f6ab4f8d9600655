"""Count what one picture costs: parameters, operations, activations and time of a config's network."""

from __future__ import annotations

import argparse

from mmwsss.cli.arguments import add_config_arguments, config_of, tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'configs/seg/lite0_plumes.py --shape 192 192')
    add_config_arguments(parser, 'configs/ts_vitb_r50_cos_global.py')
    parser.add_argument('--shape', type=int, nargs='+', metavar='PIXELS', help='height and width, or one side')
    parser.add_argument('--rounds', type=int, default=5, help='forward passes that are timed; 0: none; default: 5')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        from mmwsss.utils.errors import InputError

        shape = args.shape
        if shape is not None and (len(shape) > 2 or min(shape) < 1):
            raise InputError(f'Expected --shape with one or two positive numbers, but got {shape}.')
        cfg = config_of(args)
        from mmwsss.apis.cost import network_cost  # imports the networks

        size = (shape[0], shape[-1]) if shape else None
        for name, value in network_cost(cfg, size, args.rounds).items():
            print(f'{name}: {value:,}' if isinstance(value, int) else f'{name}: {value}')


if __name__ == '__main__':
    main()
