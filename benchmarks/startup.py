"""Seconds until the package is imported and until a tool's help stands, beside Python and the libraries alone.

python benchmarks/startup.py --rounds 5
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from common import parser, side_by_side, start, table

from mmwsss.cli.main import tools

COMMANDS = {
    'python -c pass': ['-c', 'pass'],
    'import torch': ['-c', 'import torch'],
    'import mmengine': ['-c', 'import mmengine'],
    'import mmpretrain, mmseg': ['-c', 'import mmwsss, mmpretrain.models, mmseg.models'],
    'import mmwsss': ['-c', 'import mmwsss'],
    'mmwsss.load_config': ['-c', 'import mmwsss; mmwsss.load_config'],
    'mmwsss.train': ['-c', 'import mmwsss; mmwsss.train'],
    'mmwsss --help': ['-c', 'import sys; sys.argv[1:] = ["--help"]; from mmwsss.cli.main import main; main()'],
    **{f'tools/{path.name} --help': [f'tools/{path.name}', '--help'] for path in tools().values()},
    'tools/ablate.py --list': ['tools/ablate.py', '--list'],
}


def main() -> None:
    """Entry point."""
    options = parser(__doc__ or '')
    options.set_defaults(rounds=3)
    args = options.parse_args()
    start(args)

    def run(command: list[str]) -> Callable[[], object]:
        root = Path(__file__).parents[1]
        return lambda: subprocess.run([sys.executable, *command], check=True, capture_output=True, cwd=root)

    found = side_by_side({name: run(command) for name, command in COMMANDS.items()}, args.rounds)
    table(('command', 'seconds'), list(found.items()))


if __name__ == '__main__':
    main()
