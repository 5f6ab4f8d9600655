"""Write masks for another tool: COCO, YOLO, Label Studio, CVAT, PASCAL VOC."""

from __future__ import annotations

import argparse

from mmwsss.cli.arguments import tool_parser
from mmwsss.cli.session import tool_session

FORMATS = ('coco', 'coco-rle', 'yolo-seg', 'label-studio', 'cvat', 'voc')


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'work_dirs/pseudo --format label-studio --out work_dirs/to_correct')
    parser.add_argument('masks', help='folder of make_pseudo, of predict or of an import')
    parser.add_argument('--format', required=True, choices=FORMATS, help='what to write')
    parser.add_argument('--out', required=True, help='folder to write into')
    parser.add_argument('--tolerance', type=float, help='of polygons, in pixels; 0 (default) keeps every corner')
    parser.add_argument(
        '--images', choices=('none', 'link', 'copy'), help='pictures beside the masks (yolo-seg, voc); default: link'
    )
    parser.add_argument('--split', help='name of the split (yolo-seg, voc); default: train')
    parser.add_argument('--image-url', help="what stands before an image's path (label-studio)")
    parser.add_argument('--document-root', help='of the server, for local files (label-studio)')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    given = {key: value for key, value in vars(parse_args()).items() if value is not None}
    masks, format_name, out = (given.pop(key) for key in ('masks', 'format', 'out'))
    with tool_session():
        from mmwsss.exports import ExportOptions, export_masks  # not for --help

        for key, value in export_masks(masks, out, format_name, ExportOptions(**given)).items():
            print(f'{key}: {value}')


if __name__ == '__main__':
    main()
