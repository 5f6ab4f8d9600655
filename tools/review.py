"""Write a page to look through masks, mend and judge them: one HTML file, no server, nothing is uploaded."""

from __future__ import annotations

import argparse
import sys

from mmwsss.cli.arguments import tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'work_dirs/pseudo --out review.html')
    parser.add_argument(
        'masks',
        help='folder of make_pseudo or predict (with save_cam=True, --outputs maps a threshold)',
    )
    parser.add_argument('--out', required=True, help='HTML file to write')
    parser.add_argument('--limit', type=int, help='images on the page at most; default: 100')
    parser.add_argument(
        '--order',
        choices=('doubt', 'dice', 'manifest'),
        help='which images come first; default: doubt, the least decided; dice: masks that look worst by their maps',
    )
    parser.add_argument('--threshold', type=float, help='where the threshold stands at first; default: 0.3')
    parser.add_argument('--positives-only', action='store_true', default=None, help='leave out images without a class')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    given = {key: value for key, value in vars(parse_args()).items() if value is not None}
    masks, out = given.pop('masks'), given.pop('out')
    with tool_session():
        from mmwsss.visualization.review import write_review  # not for --help

        done = write_review(masks, out, **given)
        print(f'{out}: {done["images"]} of {done["available"]} images, {done["with_maps"]} of them with maps, '
              f'{done["bytes"] / 1e6:.1f} MB')  # fmt: skip
        if not done['with_maps']:
            hint = 'make_pseudo and pipelines keep them with save_cam=True, predict with --outputs maps'
            print(f"without maps there is no threshold to move, and no order but the run's: {hint}", file=sys.stderr)


if __name__ == '__main__':
    main()
