"""Run a whole pipeline: teacher, control, student, pseudo masks, segmentor, report; finished runs are kept."""

from __future__ import annotations

import argparse

from mmwsss.cli.arguments import add_config_arguments, add_trust_flag, tool_parser
from mmwsss.cli.session import tool_session


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(
        __doc__, 'configs/pipelines/folder.py --cfg-options dataset_root=/data/camera labels=labels.csv'
    )
    add_config_arguments(parser, 'configs/pipelines/folder.py')
    parser.add_argument('--plan', action='store_true', help='print what stands and what would run, and run nothing')
    parser.add_argument('--until', metavar='RUN', help='stop after this run')
    parser.add_argument('--restart', metavar='RUN', help='set the results of this run and of those on it aside first')
    add_trust_flag(parser)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = parse_args()
    with tool_session():
        from mmwsss.runs import Pipeline, load_pipeline  # not for --help: they import the networks

        pipeline = Pipeline(load_pipeline(args.config, args.cfg_options, data=args.data, scale=args.scale))
        if args.plan:
            print(pipeline.plan())
        else:
            pipeline.run(args.until, args.restart)


if __name__ == '__main__':
    main()
