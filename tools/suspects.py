"""List images whose label is probably wrong, with a page to judge them on; answers go back into a CSV of labels."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from mmwsss.cli.arguments import add_grouping_arguments, add_option_arguments, grouping_of, tool_parser
from mmwsss.cli.session import tool_session
from mmwsss.utils.files import json_text


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, '--data configs/data/image_folder.py --cfg-options dataset_root=/data/camera --out s')
    add_option_arguments(parser)
    parser.add_argument('--out', required=True, help='folder for suspects.csv and suspects.html; with --answers a CSV')
    parser.add_argument('--limit', type=int, default=100, help='images on the page')
    parser.add_argument('--folds', type=int, default=5)
    parser.add_argument('--answers', metavar='CSV', help='write the labels with these answers as votes to --out')
    add_grouping_arguments(parser)
    return parser.parse_args()


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The first suspects, or what became of the answers."""
    from mmwsss.apis.score_maps import data_split  # imports the networks
    from mmwsss.apis.suspects import label_suspects, read_answers, suspect_rows, write_answered_labels, write_suspects
    from mmwsss.config import load_config

    dataset = data_split(load_config('configs/vitb.py', args.cfg_options, data=args.data, scale=args.scale), 'train')
    if args.answers:
        return write_answered_labels(dataset, read_answers(args.answers), args.out)
    suspects = label_suspects(dataset, grouping_of(args, dataset.metainfo['image_root']), folds=args.folds)
    rows = suspect_rows(dataset, suspects, args.limit)
    write_suspects(rows, args.out)
    print(f'{args.out}/suspects.html: {len(rows)} images to look at', file=sys.stderr)
    first = [{key: row[key] for key in ('path', 'label', 'suggested', 'doubt')} for row in rows[:10]]
    return {'images': len(dataset), 'suspected': int(suspects.suspected.sum()), 'first': first}


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        print(json_text(run(args)))


if __name__ == '__main__':
    main()
