"""Read corrected masks back from another tool, or from the review page, into a folder to train on."""

from __future__ import annotations

import argparse

from mmwsss.cli.arguments import tool_parser
from mmwsss.cli.session import tool_session

FORMATS = ('coco', 'coco-rle', 'yolo-seg', 'label-studio', 'cvat', 'voc', 'review')


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(
        __doc__, 'corrected.json --format label-studio --masks work_dirs/pseudo --out work_dirs/corrected'
    )
    parser.add_argument('source', help='file or folder that the tool wrote')
    parser.add_argument('--format', required=True, choices=FORMATS, help='what it is')
    parser.add_argument('--masks', required=True, help='folder that was exported or reviewed')
    parser.add_argument('--out', required=True, help='new folder for the corrected masks')
    parser.add_argument('--split', help='name of the split (yolo-seg); default: train')
    parser.add_argument(
        '--empty',
        choices=('background', 'skip'),
        help='what an image without regions is (coco, cvat); default: background',
    )
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    given = {key: value for key, value in vars(parse_args()).items() if value is not None}
    source, masks, out, format_name = (given.pop(key) for key in ('source', 'masks', 'out', 'format'))
    with tool_session():
        from mmwsss.exports import ExportOptions, import_masks  # not for --help

        counts = import_masks(source, masks, out, format_name, ExportOptions(**given))
        print(', '.join(f'{count} {name}' for name, count in counts.items()))


if __name__ == '__main__':
    main()
