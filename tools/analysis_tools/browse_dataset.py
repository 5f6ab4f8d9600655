"""Draw what a training really sees: pictures, labels and pasted smoke after its whole pipeline, in its own order."""

from __future__ import annotations

import argparse

from mmwsss.cli.arguments import add_config_arguments, config_of, tool_parser
from mmwsss.cli.session import tool_session
from mmwsss.utils.files import json_text


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(
        __doc__, 'configs/r50_pcm_pairs.py --scale small --out work_dirs/seen --cfg-options dataset_root=/data/smoke'
    )
    add_config_arguments(parser, 'configs/seg/lite0_plumes.py')
    parser.add_argument('--out', required=True, help='folder for the sheets')
    parser.add_argument('--number', type=int, help='of pictures; default: 48')
    parser.add_argument('--epoch', type=int, help='which epoch; default: 0, the first')
    parser.add_argument('--columns', type=int, help='pictures side by side; default: 2')
    parser.add_argument('--side', type=int, help='of a picture in the sheet, in pixels; default: 192')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        cfg = config_of(args)
        from mmwsss.apis.browsing import browse  # imports the networks

        given = {key: getattr(args, key) for key in ('number', 'epoch', 'columns', 'side')}
        done = browse(cfg, args.out, **{key: value for key, value in given.items() if value is not None})
        print(json_text(done))


if __name__ == '__main__':
    main()
