"""Write a page to look through masks, mend and judge them: one HTML file, no server, nothing is uploaded.

Example: mmwsss review work_dirs/pseudo --out review.html
"""

from __future__ import annotations

import argparse

import mmwsss  # noqa: F401  (cures torchvision before a host imports it)
from mmwsss.cli.main import report_errors
from mmwsss.visualization.review import ORDERS, write_review


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('masks', help='folder of make_pseudo (save_cam=True keeps the maps that the threshold needs)')
    parser.add_argument('--out', required=True, help='HTML file to write')
    parser.add_argument('--limit', type=int, help='images on the page at most; default: 100')
    parser.add_argument('--order', choices=ORDERS, help='which images come first; default: doubt, the least decided')
    parser.add_argument('--threshold', type=float, help='where the threshold stands at first; default: 0.3')
    parser.add_argument('--positives-only', action='store_true', default=None, help='leave out images without a class')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    given = {key: value for key, value in vars(parse_args()).items() if value is not None}
    masks, out = given.pop('masks'), given.pop('out')
    with report_errors():
        done = write_review(masks, out, **given)
        print(f'{out}: {done["images"]} of {done["available"]} images, {done["with_maps"]} of them with maps, '
              f'{done["bytes"] / 1e6:.1f} MB')  # fmt: skip


if __name__ == '__main__':
    main()
