"""Frames of video clips as class sub-folders: IJmond's 36-frame clips, RISE by its label_state, or your own.

RISE negatives as in the method's paper (label_state 32 and 16, first and middle frame):
  video_frames.py RISE_VIDEOS OUT --labels metadata.json --classes no_smoke
A second call goes on where the first one stopped.
"""

from __future__ import annotations

import argparse
import sys

from mmwsss.cli.arguments import tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, '/data/clips data/clip_frames --labels metadata.json')
    parser.add_argument('videos', help='folder of the clips')
    parser.add_argument('out', help='output folder')
    parser.add_argument('--frames', default='first_middle', help="'all', 'first', 'first_middle', or how many")
    parser.add_argument('--labels', help='JSON of file_name and label_state, or CSV of video,label (folder names)')
    parser.add_argument(
        '--votes',
        choices=('agreed', 'majority', 'any'),
        default='majority',
        help='labels of RISE that count: agreed by two, by two of three (default), or of one; the last two write '
        'labels.csv',
    )
    parser.add_argument('--classes', nargs='+', help='only these classes')
    return parser.parse_args()


def main() -> None:
    """Entry point; exit code 1 where a clip failed."""
    args = parse_args()
    with tool_session():
        from mmwsss.datasets.converters.video_frames import extract_frames  # not for --help

        counts, failed = extract_frames(args.videos, args.out, args.frames, args.labels, args.classes, args.votes)
    print(', '.join(f'{number} {name}' for name, number in counts.items()))
    for reason in failed.values():
        print(reason, file=sys.stderr)
    if failed:
        sys.exit(1)


if __name__ == '__main__':
    main()
