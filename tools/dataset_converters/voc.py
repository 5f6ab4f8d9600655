"""Image-level labels of PASCAL VOC 2012 from its XML files or a label file; says what is found, missing and counted."""

from __future__ import annotations

import argparse
import sys

from mmwsss.cli.arguments import tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, 'data/VOCdevkit/VOC2012')
    parser.add_argument('root', help='VOCdevkit/VOC2012')
    parser.add_argument('--out', help='folder of the label files (the root itself)')
    parser.add_argument('--labels', help='labels of images without an XML: JSON {id: [names]} or CSV id,label;label')
    return parser.parse_args()


def main() -> None:
    """Entry point; exit code 1 where something is missing."""
    args = parse_args()
    with tool_session():
        from mmwsss.datasets.converters.voc import convert_voc  # not for --help

        report = convert_voc(args.root, args.out, args.labels)
    for split, found in report.items():
        note = '' if found['images'] == found['expected'] else f' (the literature has {found["expected"]})'
        state = 'written' if not found['missing'] else f'NOT written, {len(found["missing"])} missing'
        print(f'{split}: {found["images"]} images{note}, {found["masks"]} masks: {state}')
        for name, reason in list(found['missing'].items())[:5]:
            print(f'  {name}: {reason}')
        print('  ' + ', '.join(f'{name} {number}' for name, number in found['per_class'].items()))
    if 'train_aug' not in report:
        print('train_aug: no list and no SegmentationClassAug')
    if any(found['missing'] for found in report.values()):
        sys.exit(1)


if __name__ == '__main__':
    main()
