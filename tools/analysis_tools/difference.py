"""Say whether one way is better than another: paired by image and by seed, with an interval over photos."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmwsss.cli.arguments import add_grouping_arguments, grouping_of, tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(
        __doc__,
        '--first work_dirs/a_1/two_stages_test work_dirs/a_2/two_stages_test --second work_dirs/a_1/one_stage_test '
        'work_dirs/a_2/one_stage_test --block-table photos.csv --block-columns id photo',
    )
    runs = 'folders of tests or of evaluated maps in pipelines, or their images JSON; one a seed'
    parser.add_argument('--first', nargs='+', required=True, metavar='RUN', help=runs)
    parser.add_argument('--second', nargs='+', required=True, metavar='RUN', help='likewise, seeds in the same order')
    parser.add_argument('--figure', default='iou_dataset', help='iou_dataset, miou or false_alarms')
    parser.add_argument('--num-classes', type=int, default=1, help='foreground classes')
    parser.add_argument(
        '--by-name', action='store_true', help='same file name, same image: each seed has a copy of the same scenes'
    )
    parser.add_argument('--draws', type=int, default=2000)
    add_grouping_arguments(parser)
    return parser.parse_args()


def read_run(path: str, by_name: bool) -> list[dict[str, Any]]:
    """Rows of images of a run."""
    from mmwsss.utils.errors import MissingFileError
    from mmwsss.utils.files import read_json

    given = Path(path)
    found = [file for file in (given, given / 'test_images.json', given / 'images.json') if file.is_file()]
    if not found:
        raise MissingFileError(f'Expected test_images.json or images.json in {path}, but there is none.')
    rows = read_json(found[0])
    return [{**row, 'img_path': Path(row['img_path']).name} for row in rows] if by_name else rows


def blocks_of(args: argparse.Namespace, paths: Sequence[str]) -> dict[str, str]:
    """Block of each image; without a table or a pattern each is one of its own."""
    if not (args.block_table or args.blocks):
        return {path: path for path in paths}
    groups = grouping_of(args, '').all(paths)
    return {path: group.block for path, group in zip(paths, groups)}


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        from mmwsss.evaluation.difference import counts_by_image, paired_difference

        first, second = (
            [counts_by_image(read_run(path, args.by_name)) for path in runs] for runs in (args.first, args.second)
        )
        blocks = blocks_of(args, sorted(set().union(*first)))
        found = paired_difference(first, second, blocks, args.num_classes, args.figure, args.draws)
        print(found.sentence())


if __name__ == '__main__':
    main()
