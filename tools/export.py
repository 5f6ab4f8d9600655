"""Write masks for another tool: COCO, YOLO, Label Studio, CVAT, PASCAL VOC.

Example: mmwsss export work_dirs/pseudo --format label-studio --out work_dirs/to_correct
"""

from __future__ import annotations

import argparse

import mmwsss  # noqa: F401  (cures torchvision before a host imports it)
from mmwsss.cli.main import report_errors
from mmwsss.exports import EXPORTS, ExportOptions, export_masks
from mmwsss.exports.options import IMAGES


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('masks', help='folder of make_pseudo or of an import')
    parser.add_argument('--format', required=True, choices=EXPORTS, help='what to write')
    parser.add_argument('--out', required=True, help='folder to write into')
    parser.add_argument('--tolerance', type=float, help='of polygons, in pixels; 0 (default) keeps every corner')
    parser.add_argument('--images', choices=IMAGES, help='pictures beside the masks (yolo-seg, voc); default: link')
    parser.add_argument('--split', help='name of the split (yolo-seg, voc); default: train')
    parser.add_argument('--image-url', help="what stands before an image's path (label-studio)")
    parser.add_argument('--document-root', help='of the server, for local files (label-studio)')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    given = {key: value for key, value in vars(parse_args()).items() if value is not None}
    masks, format_name, out = (given.pop(key) for key in ('masks', 'format', 'out'))
    with report_errors():
        for key, value in export_masks(masks, out, format_name, ExportOptions(**given)).items():
            print(f'{key}: {value}')


if __name__ == '__main__':
    main()
