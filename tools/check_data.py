"""Look at a data set before training: classes, negatives, sizes, duplicates, what is left out and why, masks.

Of a folder with labels, or of the data sets of a config (configs/r50_pcm.py --cfg-options dataset_root=/data/camera).
Exit code 1 where training would fail.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from mmwsss.cli.arguments import add_option_arguments, config_of, tool_parser
from mmwsss.cli.session import tool_session
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import json_text


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, '/data/camera --labels labels.csv --negative-classes no_smoke')
    parser.add_argument(
        'config', metavar='source', help='a folder of images, or a config with train_set, val_set and test_set'
    )
    parser.add_argument('--labels', help='label file below the folder (one sub-folder a class)')
    parser.add_argument('--images', default='', help='folder of the images below the folder')
    parser.add_argument('--masks', help='folder of masks for evaluation below the folder')
    parser.add_argument('--classes', nargs='+')
    parser.add_argument('--negative-classes', nargs='+', default=())
    parser.add_argument('--mask-values', type=json.loads, help="how masks are read: '{\"255\": 1}' or '[0, 255]'")
    parser.add_argument('--follow-links', action='store_true')
    add_option_arguments(parser)
    parser.add_argument('--batch-size', type=int)
    parser.add_argument('--decode', action='store_true', help='decode every picture, not only its header')
    parser.add_argument('--json', action='store_true')
    return parser.parse_args()


def datasets_of(args: argparse.Namespace) -> Mapping[str, Mapping | None]:
    """Configs of the data sets by part."""
    if not Path(args.config).is_dir() and Path(args.config).suffix == '.py':
        cfg = config_of(args)
        train = cfg.get('pseudo_set') or cfg.get('train_set')
        if not train:
            raise InputError(f'Expected a config with train_set or pseudo_set, but {args.config} has neither.')
        return {'train': train, 'val': cfg.get('val_set'), 'test': cfg.get('test_set')}
    from mmwsss.datasets.checks import folder_datasets

    settings = {'classes': args.classes, 'negative_classes': args.negative_classes, 'mask_values': args.mask_values}
    return folder_datasets(
        args.config, args.labels, args.images, args.masks, follow_links=args.follow_links, **settings
    )


def main() -> None:
    """Entry point; exit code 1 where training would fail."""
    args = parse_args()
    with tool_session():
        from mmwsss.datasets.checks import check_data  # imports the hosts

        report = check_data(datasets_of(args), batch_size=args.batch_size, decode=args.decode)
    text = json_text(report.to_dict()) if args.json else str(report)
    print(text.encode('utf-8', 'backslashreplace').decode())  # names that are no UTF-8
    sys.exit(0 if report.ok else 1)


if __name__ == '__main__':
    main()
