"""Write a segmentor whose plain masks are those of another one above a threshold, such as the one that was chosen."""

from __future__ import annotations

import argparse

from mmwsss.cli.arguments import add_trust_flag, tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'work_dirs/seg/epoch_15.pth 0.17 --out work_dirs/seg/final.pth')
    parser.add_argument('checkpoint', help='weights of a segmentor of MMSegmentation')
    parser.add_argument('threshold', type=float, help='of the probability of a class, in (0, 1)')
    parser.add_argument('--out', required=True, help='checkpoint to write')
    add_trust_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        from mmwsss.weights.threshold_shift import write_at_threshold

        write_at_threshold(args.checkpoint, args.threshold, args.out)
        print(f'{args.out}: what was a probability of {args.threshold:g} is now 0.5')


if __name__ == '__main__':
    main()
