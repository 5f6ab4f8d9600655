"""The command ``mmwsss TOOL ...``: run a tool of the project from any folder."""

from __future__ import annotations

import ast
import difflib
import runpy
import sys
from pathlib import Path

from mmwsss.cli import arguments
from mmwsss.version import __version__

CONVERT = 'convert'
"""The word before the name of a converter of data sets: ``mmwsss convert voc ...``."""
_CONVERTERS = 'dataset_converters'
_OTHER_NAMES = {'to_onnx': 'onnx'}
"""Files whose command has another name: with a file onnx.py beside it, no tool could import the package onnx."""


def tools() -> dict[str, Path]:
    """Files of the tools by name of the command."""
    return {_OTHER_NAMES.get(name, name): path for name, path in _scripts(arguments.tools_folder()).items()}


def converters() -> dict[str, Path]:
    """Files of the converters of data sets by name."""
    return _scripts(arguments.tools_folder() / _CONVERTERS)


def _scripts(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob('*.py'))}


def _describe(path: Path) -> str:
    """The first line of a tool's docstring, read and not run."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or '').partition('\n')[0]


def _list(scripts: dict[str, Path]) -> str:
    width = max(map(len, scripts))
    return '\n'.join(f'  {name:{width}}  {_describe(path)}' for name, path in sorted(scripts.items()))


def help_text() -> str:
    """What ``mmwsss --help`` prints."""
    return (
        f'usage: mmwsss TOOL ...\n       mmwsss {CONVERT} DATASET ...\n       mmwsss --version\n\n'
        f'tools (mmwsss TOOL --help says more):\n{_list(tools())}\n\n'
        f'data sets (mmwsss {CONVERT} DATASET --help says more):\n{_list(converters())}\n\n'
        f'Configs are found from any folder: mmwsss train configs/vitb.py'
    )


def _refuse(message: str) -> None:
    print(f'error: {message} See mmwsss --help.', file=sys.stderr)
    sys.exit(2)


def _run(scripts: dict[str, Path], kind: str, words: list[str], prog: str) -> None:
    """Run the script that the first word names; the others are its arguments."""
    name = words[0].replace('-', '_')
    if name not in scripts:
        near = difflib.get_close_matches(name, scripts, 1)
        hint = f', nearest to {near[0]}' if near else ''
        _refuse(f'Expected {kind} of {", ".join(scripts)}, but got {words[0]}{hint}.')
    arguments.called_as = f'{prog} {name}'
    sys.argv = [str(scripts[name]), *words[1:]]
    runpy.run_path(str(scripts[name]), run_name='__main__')


def main() -> None:
    """Entry point."""
    words = sys.argv[1:]
    if not words:
        _refuse('Expected a tool, but got none.')
    elif words[0] in ('-h', '--help', 'help') or words in ([CONVERT, '-h'], [CONVERT, '--help']):
        print(help_text())
    elif words[0] == '--version':
        print(f'mmwsss {__version__}')
    elif words[0] != CONVERT:
        _run({**tools(), CONVERT: Path()}, 'a tool', words, 'mmwsss')
    elif len(words) == 1:
        _refuse(f'Expected a data set after {CONVERT}, but got none.')
    else:
        _run(converters(), 'a data set', words[1:], f'mmwsss {CONVERT}')
