"""Read corrected masks back from another tool, or from the review page, into a folder to train on.

Example: mmwsss import corrections.json --format review --masks work_dirs/pseudo --out work_dirs/corrected
"""

from __future__ import annotations

import argparse

import mmwsss  # noqa: F401  (cures torchvision before a host imports it)
from mmwsss.cli.main import report_errors
from mmwsss.exports import FORMATS, ExportOptions, import_masks
from mmwsss.exports.options import EMPTY


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', help='file or folder that the tool wrote')
    parser.add_argument('--format', required=True, choices=FORMATS, help='what it is')
    parser.add_argument('--masks', required=True, help='folder that was exported or reviewed')
    parser.add_argument('--out', required=True, help='new folder for the corrected masks')
    parser.add_argument('--split', help='name of the split (yolo-seg); default: train')
    parser.add_argument(
        '--empty', choices=EMPTY, help='what an image without regions is (coco, cvat); default: background'
    )
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    given = {key: value for key, value in vars(parse_args()).items() if value is not None}
    source, masks, out, format_name = (given.pop(key) for key in ('source', 'masks', 'out', 'format'))
    with report_errors():
        counts = import_masks(source, masks, out, format_name, ExportOptions(**given))
        print(', '.join(f'{count} {name}' for name, count in counts.items()))


if __name__ == '__main__':
    main()
