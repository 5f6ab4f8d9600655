"""Cut windows of annotated camera frames (COCO polygons or RLE): the paper's test crops, or plain disjoint windows.

'paper': logo cut off, 512 windows with stride 128, at least 0.5 % smoke, the three smokiest of a frame, and as many
smoke-free ones at random. 'plain': disjoint windows with and without smoke, so that false alarms are measured.
"""

from __future__ import annotations

import argparse

from mmwsss.cli.arguments import tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'annotations.json frames/ data/frames --protocol plain')
    parser.add_argument('annotations', help='COCO JSON')
    parser.add_argument('frames', help='folder of the frames')
    parser.add_argument('out', help='output folder')
    parser.add_argument('--protocol', choices=('paper', 'plain'), default='paper')
    parser.add_argument('--category', default='smoke', help='category, or supercategory whose categories are merged')
    parser.add_argument('--split', default='test')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        from mmwsss.datasets.converters.smoke_frames import convert_frames  # not for --help

        counts = convert_frames(
            args.annotations, args.frames, args.out, args.protocol, args.category, args.split, args.seed
        )
    print(', '.join(f'{number} {name}' for name, number in counts.items()))


if __name__ == '__main__':
    main()
