"""List or run the rows of the method's tables: reported figure, measured figure, matched control."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from mmwsss.cli.arguments import add_option_arguments, add_trust_flag, tool_parser
from mmwsss.cli.session import tool_session
from mmwsss.tables import Row, list_table, results_json, results_table, select_rows
from mmwsss.tables.ledger import commands, ledger_page
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import atomic_write, json_text, write_json


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = tool_parser(__doc__, '--run 4.7 --scale small --seeds 3 --cfg-options dataset_root=/data/smoke5k_wsss')
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--list', action='store_true', help='print the rows')
    what.add_argument('--run', nargs='+', metavar='TABLE', help='tables (4.7, 4.4) or single rows (4.7-ts_l1_global)')
    what.add_argument('--configs', nargs='+', help='training configs of your own, side by side; needs --pseudo')
    what.add_argument(
        '--ledger',
        nargs='*',
        metavar='ID',
        help='print the ledger of published figures as Markdown, or the commands that would measure some of them (all)',
    )
    parser.add_argument('--pseudo', help='with --configs: config of the maps and refiners')
    parser.add_argument('--table', nargs='+', help='with --list: only these tables or rows')
    parser.add_argument('--json', action='store_true', help='with --list: as JSON')
    add_option_arguments(parser)
    parser.set_defaults(data='smoke5k_wsss', scale='small')
    parser.add_argument('--seeds', type=int, default=3, help='number of seeds')
    parser.add_argument('--first-seed', type=int, default=42)
    parser.add_argument('--work-dir', help='output folder (work_dirs/ablation/<data>_<scale>)')
    parser.add_argument('--plan', action='store_true', help='with --run: print what would run, and run nothing')
    parser.add_argument('--report-only', action='store_true', help='with --run: write the tables of what is finished')
    parser.add_argument(
        '--results',
        nargs='+',
        default=[],
        metavar='JSON',
        help='with --run: results of the same rows with other seeds, such as of another machine (--first-seed), which '
        'go into the table',
    )
    add_trust_flag(parser)
    return parser.parse_args()


def own_rows(configs: list[str], pseudo: str | None) -> list[Row]:
    """Rows of training configs that no table has."""
    if pseudo is None:
        raise InputError('Expected --pseudo CONFIG with --configs, but got none.')
    return [Row('own', Path(config).stem, Path(config).stem, config, pseudo, None) for config in configs]


def run(args: argparse.Namespace) -> bool:
    """Run tables and write them; whether every row could run."""
    from mmwsss.tables.merging import with_results_of
    from mmwsss.tables.runner import TableRunner  # not for --list: it imports the networks

    rows = own_rows(args.configs, args.pseudo) if args.configs else select_rows(args.run)
    work_dir = Path(args.work_dir or f'work_dirs/ablation/{Path(args.data).stem}_{Path(args.scale).stem}')
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    runner = TableRunner(args.scale, args.data, args.cfg_options, seeds, work_dir, lambda line: print(line, flush=True))
    if args.plan:
        print(runner.plan(rows))
        return True
    results = with_results_of(runner.finished(rows) if args.report_only else runner.run(rows), args.results)
    name = '_'.join(args.run or [f'configs_{Path(args.pseudo).stem}'])
    table = results_table(rows, results)
    with atomic_write(work_dir / f'{name}.md') as handle:
        handle.write(table)
    write_json(work_dir / f'{name}.json', results_json(rows, results))
    print(table)
    return not any('missing' in entry for entry in results.values())


def main() -> None:
    """Entry point; exit code 1 where a row could not run."""
    args = parse_args()
    with tool_session():
        if args.ledger is not None:
            names = [] if args.ledger == ['all'] else args.ledger
            print('\n'.join(commands(names)) if args.ledger else ledger_page(), end='\n' if args.ledger else '')
        elif args.list:
            rows = select_rows(args.table)
            print(json_text([asdict(row) for row in rows]) if args.json else list_table(rows))
        elif not run(args):
            sys.exit(1)


if __name__ == '__main__':
    main()
