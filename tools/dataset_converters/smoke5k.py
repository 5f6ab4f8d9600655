"""Build an image-level smoke data set from the public SMOKE5K layout (train|test / img|gt), split by source photo.

From each photo square crops with smoke and crops without any are cut at the same zoom, so that layout and background
occur in both classes. All crops of a photo, and of photos whose file names share a group, are in one split only.
"""

from __future__ import annotations

import argparse

from mmwsss.cli.arguments import tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, '/data/SMOKE5K data/smoke5k_wsss')
    parser.add_argument('source', help='SMOKE5K folder with train/img, train/gt, test/img, test/gt')
    parser.add_argument('out', help='output folder')
    parser.add_argument('--groups', help='CSV "photo,group": photos of one camera or fire, kept in one split')
    parser.add_argument('--val', type=float, default=0.15, help='share of the groups for validation')
    parser.add_argument('--test', type=float, default=0.2, help='share of the groups for test')
    parser.add_argument('--size', type=int, default=256, help='side of the crops that are written')
    parser.add_argument('--crops', type=int, default=3, help='most smoke crops a photo')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        from mmwsss.datasets.converters.smoke5k import CropRule, convert_smoke5k  # not for --help

        counts = convert_smoke5k(
            args.source, args.out, args.groups, args.val, args.test, CropRule(args.size, args.crops), args.seed
        )
    for split, count in counts.items():
        print(f'{split}: {count["photos"]} photos, {count["smoke"]} smoke crops, {count["no_smoke"]} others')


if __name__ == '__main__':
    main()
