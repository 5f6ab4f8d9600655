"""Print which class the pixels of which class are given: the confusion matrix of a segmentor on its test set."""

from __future__ import annotations

import argparse

from mmwsss.cli.arguments import add_config_arguments, add_trust_flag, config_of, tool_parser
from mmwsss.cli.session import tool_session
from mmwsss.utils.files import write_json


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(
        __doc__, 'configs/seg/lite0_plumes_pseudo.py work_dirs/seg/epoch_15.pth --cfg-options dataset_root=/data/smoke'
    )
    add_config_arguments(parser, 'configs/seg/lite0_plumes_pseudo.py')
    parser.add_argument('checkpoint', help='weights of a segmentor')
    parser.add_argument('--work-dir', help='folder for logs (work_dirs/<config name>)')
    parser.add_argument('--out', help='also write the matrix of pixels to this JSON file')
    parser.add_argument('--plot', help='also draw it into this picture')
    add_trust_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        cfg = config_of(args)
        from mmwsss.apis.confusion import draw_confusion, markdown_table, segmentor_confusion  # imports the networks

        names, matrix = segmentor_confusion(cfg, args.checkpoint, args.work_dir)
        print(markdown_table(names, matrix))
        if args.out:
            write_json(args.out, {'classes': names, 'pixels': matrix.tolist()})
        if args.plot:
            draw_confusion(names, matrix, args.plot)


if __name__ == '__main__':
    main()
