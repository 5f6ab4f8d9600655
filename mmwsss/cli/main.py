"""The command ``mmwsss TOOL ...``: run a tool of the project from any folder."""

from __future__ import annotations

import ast
import difflib
import runpy
import sys
from pathlib import Path

from mmwsss.cli import arguments
from mmwsss.version import __version__

CONVERT, ANALYZE = 'convert', 'analyze'
"""Words before the name of a converter of data sets, ``mmwsss convert voc ...``, and of what looks at trainings."""
_FOLDERS = {CONVERT: 'dataset_converters', ANALYZE: 'analysis_tools'}
_OTHER_NAMES = {'to_onnx': 'onnx'}
"""Files whose command has another name: with a file onnx.py beside it, no tool could import the package onnx."""


def tools() -> dict[str, Path]:
    """Files of the tools by name of the command."""
    return {_OTHER_NAMES.get(name, name): path for name, path in _scripts(arguments.tools_folder()).items()}


def converters() -> dict[str, Path]:
    """Files of the converters of data sets by name."""
    return _scripts(arguments.tools_folder() / _FOLDERS[CONVERT])


def analyses() -> dict[str, Path]:
    """Files of the tools that look at data, trainings and networks by name."""
    return _scripts(arguments.tools_folder() / _FOLDERS[ANALYZE])


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
        f'usage: mmwsss TOOL ...\n       mmwsss {CONVERT} DATASET ...\n       mmwsss {ANALYZE} ANALYSIS ...\n'
        f'       mmwsss --version\n\n'
        f'tools (mmwsss TOOL --help says more):\n{_list(tools())}\n\n'
        f'data sets (mmwsss {CONVERT} DATASET --help says more):\n{_list(converters())}\n\n'
        f'analyses (mmwsss {ANALYZE} ANALYSIS --help says more):\n{_list(analyses())}\n\n'
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
    groups = {CONVERT: ('a data set', converters), ANALYZE: ('an analysis', analyses)}
    if not words:
        _refuse('Expected a tool, but got none.')
    elif words[0] in ('-h', '--help', 'help') or (words[0] in groups and words[1:] in (['-h'], ['--help'])):
        print(help_text())
    elif words[0] == '--version':
        print(f'mmwsss {__version__}')
    elif words[0] not in groups:
        _run({**tools(), **dict.fromkeys(groups, Path())}, 'a tool', words, 'mmwsss')
    else:
        kind, scripts = groups[words[0]]
        if len(words) == 1:
            _refuse(f'Expected {kind} after {words[0]}, but got none.')
        _run(scripts(), kind, words[1:], f'mmwsss {words[0]}')
