"""Seconds to import the package and its peers, and to print a tool's help."""

from __future__ import annotations

import subprocess
import sys

from common import parser, side_by_side, start, table

COMMANDS = {
    'python -c pass': ['-c', 'pass'],
    'import torch': ['-c', 'import torch'],
    'import mmengine': ['-c', 'import mmengine'],
    'import mmpretrain, mmseg': ['-c', 'import mmwsss, mmpretrain.models, mmseg.models'],
    'import mmwsss': ['-c', 'import mmwsss'],
    'import mmwsss.models': ['-c', 'import mmwsss.models'],
    'tools/train.py --help': ['tools/train.py', '--help'],
    'tools/make_pseudo.py --help': ['tools/make_pseudo.py', '--help'],
    'tools/ablate.py --list': ['tools/ablate.py', '--list'],
}


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.set_defaults(rounds=3)
    args = options.parse_args()
    start(args)

    def run(command: list[str]):
        return lambda: subprocess.run([sys.executable, *command], check=True, capture_output=True)

    found = side_by_side({name: run(command) for name, command in COMMANDS.items()}, args.rounds)
    table(('command', 'seconds'), list(found.items()))


if __name__ == '__main__':
    main()
