"""Arguments that tools share, parsed without importing any network library."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmwsss.datasets.groups import Grouping

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')
TRACEBACK_VARIABLE = 'MMWSSS_TRACEBACK'
"""Environment variable with which a user's error shows its whole traceback too."""

called_as: str | None = None
"""The command that runs a tool, ``mmwsss train``; None where Python was given the tool's file."""


def tool_parser(doc: str | None, example: str) -> argparse.ArgumentParser:
    """A parser whose help has an example and says how to see a full traceback.

    Args:
        doc: The tool's docstring.
        example: Arguments of a call that works.
    """
    prog = called_as or f'python {sys.argv[0]}'
    return argparse.ArgumentParser(
        prog=prog,
        description=doc,
        epilog=f'example:\n  {prog} {example}\n\n'
        f'An error in a file or an option is told in one line; with {TRACEBACK_VARIABLE}=1 in the environment the full '
        f'traceback\nis shown.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_config_arguments(parser: argparse.ArgumentParser, example: str) -> None:
    """Add ``config`` and what changes it: ``--data``, ``--scale``, ``--cfg-options``; see :func:`config_of`.

    Args:
        parser: The tool's parser.
        example: A config, for the help.
    """
    parser.add_argument('config', help=f'config file, for example {example}')
    add_option_arguments(parser)


def add_option_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--data``, ``--scale`` and ``--cfg-options``, for a tool that has no config of its own."""
    parser.add_argument('--data', metavar='FILE', help='description of the data, for example configs/data/voc12.py')
    parser.add_argument('--scale', metavar='FILE', help='size of the networks, a file of configs/scales')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        metavar='NAME=VALUE',
        help='variables or keys of the config: img_size=224 dataset_root=/data/camera train_cfg.max_epochs=2',
    )


def config_of(args: argparse.Namespace) -> Config:
    """The config that a tool was called with.

    Args:
        args: Arguments of :func:`add_config_arguments`.

    Raises:
        UserError: If there is no such file, or an option is none of its variables.
    """
    from mmwsss.config import load_config

    return load_config(args.config, args.cfg_options, data=args.data, scale=args.scale)


def add_model_config_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--model-config``; see :func:`model_config_of`."""
    parser.add_argument('--model-config', help='training config, for a checkpoint that does not carry its own')


def model_config_of(args: argparse.Namespace) -> Config | None:
    """The training config that was given for a checkpoint, if any."""
    from mmwsss.config import load_config

    return load_config(args.model_config) if args.model_config else None


def add_launcher_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--launcher``, and ``--local_rank``, which old launchers give."""
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='what started this and other processes')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_grouping_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which frames belong together; see :func:`grouping_of`."""
    parser.add_argument(
        '--blocks',
        metavar='PATTERN',
        help='regular expression on the paths of frames, with groups camera, day, hour or block: '
        r"'(?P<camera>cam\d+)_(?P<day>\d{8})_(?P<hour>\d\d)'; frames of a camera and day are one block",
    )
    parser.add_argument('--block-table', metavar='CSV', help='table of frames and their blocks')
    parser.add_argument(
        '--block-columns', nargs=2, default=('path', 'block'), metavar=('FRAME', 'BLOCK'), help='its columns'
    )


def grouping_of(args: argparse.Namespace, root: str) -> Grouping:
    """The grouping that a tool was called with.

    Args:
        args: Arguments of :func:`add_grouping_arguments`.
        root: Folder of the images.
    """
    from mmwsss.datasets.groups import Grouping

    return Grouping(args.block_table, tuple(args.block_columns), args.blocks, root)


def add_trust_flag(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust-checkpoints``."""
    parser.add_argument(
        '--trust-checkpoints',
        action=_Trust,
        nargs=0,
        help='load checkpoints that hold more than weights; they can run any code',
    )


class _Trust(argparse.Action):
    """Sets the environment variable, so that processes of this one trust as well."""

    def __call__(self, *_: object) -> None:
        from mmwsss.weights.trust import TRUST_VARIABLE

        os.environ[TRUST_VARIABLE] = '1'


def tools_folder() -> Path:
    """Where the tools are: beside the package in a checkout, inside it once installed."""
    package = Path(__file__).resolve().parents[1]
    places = (package / '.mim' / 'tools', package.parent / 'tools')
    return next(place for place in places if place.is_dir())
