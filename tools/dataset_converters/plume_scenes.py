"""Write generated plume scenes as a data set: images, image labels, masks of plume and chimney."""

from __future__ import annotations

import argparse

from mmwsss.cli.arguments import tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'data/scenes --train 200 --val 50 --test 50')
    parser.add_argument('out', help='output folder')
    parser.add_argument('--train', type=int, default=1000, help='training scenes')
    parser.add_argument('--val', type=int, default=200, help='validation scenes')
    parser.add_argument('--test', type=int, default=200, help='test scenes')
    parser.add_argument('--size', type=int, default=96, help='side in pixels')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--train-bias',
        type=float,
        nargs=2,
        default=(0.95, 0.15),
        metavar=('SMOKE', 'CLEAR'),
        help='chance of a chimney given smoke and given none, in training scenes',
    )
    parser.add_argument(
        '--test-bias',
        type=float,
        nargs=2,
        default=(0.5, 0.5),
        metavar=('SMOKE', 'CLEAR'),
        help='the same in validation and test scenes',
    )
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        from mmwsss.datasets.converters.scenes import export_scenes  # not for --help

        numbers = {'train': args.train, 'val': args.val, 'test': args.test}
        export_scenes(args.out, numbers, args.size, args.seed, args.train_bias, args.test_bias)


if __name__ == '__main__':
    main()
