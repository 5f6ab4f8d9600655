"""Image-level labels and semantic masks of COCO 2014 from its instances; images without any class are negatives."""

from __future__ import annotations

import argparse
import sys

from mmwsss.cli.arguments import tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, '/data/coco data/coco14 --splits train2014')
    parser.add_argument('root', help='COCO folder with annotations/instances_<split>.json and the pictures')
    parser.add_argument('out', help='output folder')
    parser.add_argument('--splits', nargs='+', default=['train2014', 'val2014'])
    parser.add_argument('--no-masks', action='store_true', help='image-level labels only')
    return parser.parse_args()


def main() -> None:
    """Entry point; exit code 1 where something is missing."""
    args = parse_args()
    incomplete = False
    with tool_session():
        from mmwsss.datasets.converters.coco import convert_coco  # not for --help

        for split in args.splits:
            found = convert_coco(args.root, args.out, split, not args.no_masks)
            note = '' if found['expected'] in (None, found['images']) else f' (COCO has {found["expected"]})'
            state = (
                'written' if not found['missing'] else f'labels NOT written, {len(found["missing"])} pictures missing'
            )
            print(f'{split}: {found["images"]} images{note}, {found["negatives"]} without a class: {state}')
            print('  ' + ', '.join(f'{name} {number}' for name, number in found['per_class'].items()))
            for name in found['missing'][:5]:
                print(f'  no picture {name}')
            for reason, what in found['left_out'].items():
                print(f'  left out: {what["count"]} {reason}, first {what["first"]}')
            incomplete |= bool(found['missing'])
    if incomplete:
        sys.exit(1)


if __name__ == '__main__':
    main()
