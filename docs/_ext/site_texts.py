"""Texts of the site that are read from the project itself: configs, commands and registered names. Without Sphinx."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import mmwsss
from mmwsss.cli import main as command
from mmwsss.config.files import base_path
from mmwsss.config.source import read_source

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs'
BASES = '_base_'


_LINK = re.compile(r'\]\((?!https?:|#)(docs/)?')


def file_text(name: str) -> str:
    """A Markdown file of the project's root as a page: its links lead from ``docs``."""
    text = (ROOT / name).read_text(encoding='utf-8')
    return _LINK.sub(lambda match: '](' if match[1] else '](../', text)


def config_files(folder: str) -> list[Path]:
    """Configs of a folder below ``configs``; '': those that lie in it directly."""
    return sorted((CONFIGS / folder).glob('*.py'))


def config_label(path: Path) -> str:
    """What a link to a config's part of the gallery names: ``[](#config-pseudo-acr)``."""
    return '-'.join(('config', *path.relative_to(CONFIGS).with_suffix('').parts)).replace('_', '-').replace('---', '-')


def head_comment(text: str) -> str:
    """The comment that a config begins with; what is indented in it is a command."""
    lines = []
    for line in text.splitlines():
        if not line.startswith('#'):
            break
        content = line[1:].removeprefix(' ')
        indented = content.startswith('  ')
        if indented and not (lines and lines[-1].startswith('    ')):
            lines.append('')
        lines.append(f'    {content.strip()}' if indented else content)
        if not indented and len(lines) > 1 and lines[-2].startswith('    '):
            lines.insert(-1, '')
    return '\n'.join(lines)


def line_comments(text: str) -> dict[str, str]:
    """Comments behind assignments of the top level, by name."""
    found = {}
    for line in text.splitlines():
        name, equals, rest = line.partition(' = ')
        if equals and name.isidentifier() and '  # ' in rest:
            found[name] = rest.rpartition('  # ')[2]
    return found


def cell(value: object) -> str:
    """Text of a cell of a Markdown table."""
    return str(value).replace('|', '\\|').replace('\n', ' ')


def table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    """A Markdown table."""
    lines = (head, ('---',) * len(head), *rows)
    return '\n'.join('| ' + ' | '.join(map(cell, line)) + ' |' for line in lines)


def config_link(path: Path) -> str:
    """Link to a config's part of the gallery."""
    return f'[`{path.relative_to(CONFIGS).as_posix()}`](#{config_label(path)})'


def config_part(path: Path) -> str:
    """A config in the gallery: its head comment, what it inherits from and goes with, its own variables."""
    source = read_source(path)
    comments = line_comments(source.text)
    places = [(name, *base_path(name, path)) for name in source.bases]
    bases = [config_link(file) if host is None else f'`{name}`' for name, file, host in places]
    facts = [f'Inherits from {" and ".join(bases)}.'] if bases else []
    values = source.variables
    facts += [f'Kind: {values["kind"]}.'] if 'kind' in values else []
    facts += [f'Matched control: `{values["control"]}`.'] if 'control' in values else []
    rows = [
        (f'`{name}`', f'`{value!r}`', comments.get(name, ''))
        for name, value in values.items()
        if name not in ('kind', 'control')
    ]
    computed = [f'`{name}`' for name in source.computed if not name.startswith('_') and name != 'needs']
    parts = [
        f'({config_label(path)})=\n## {path.relative_to(CONFIGS).as_posix()}',
        head_comment(source.text),
        ' '.join(facts),
        variables_table(rows),
        f'Sets {", ".join(computed)}.' if computed else '',
    ]
    return '\n\n'.join(part for part in parts if part)


def variables_table(rows: list[tuple[str, str, str]]) -> str:
    """Variables with their defaults, and with their comments where there are some."""
    if any(comment for _, _, comment in rows):
        return table(('variable', 'default', ''), rows)
    return table(('variable', 'default'), [row[:2] for row in rows]) if rows else ''


def configs(folder: str = '') -> str:
    """Part of the gallery: the configs of a folder."""
    return '\n\n'.join(map(config_part, config_files(folder)))


def commands() -> str:
    """Every command with what its ``--help`` prints."""
    tools = [((name,), path) for name, path in command.tools().items()]
    tools += [((command.CONVERT, name), path) for name, path in command.converters().items()]
    tools += [((command.ANALYZE, name), path) for name, path in command.analyses().items()]
    return '\n\n'.join(f'## mmwsss {" ".join(words)}\n\n```text\n{help_of(*words)}\n```' for words, _ in tools)


def help_of(*words: str) -> str:
    """What ``mmwsss WORDS --help`` prints."""
    code = 'from mmwsss.cli.main import main; main()'
    done = subprocess.run(
        [sys.executable, '-c', code, *words, '--help'],
        capture_output=True, text=True, check=True, cwd=ROOT, env={'COLUMNS': '100', 'PYTHONPATH': str(ROOT)},
    )  # fmt: skip
    return done.stdout.strip()


def public_packages() -> Iterator[str]:
    """Packages that list public names, the root first."""
    yield 'mmwsss'
    for module in pkgutil.walk_packages(mmwsss.__path__, 'mmwsss.'):
        if module.ispkg and '.mim' not in module.name and hasattr(importlib.import_module(module.name), '__all__'):
            yield module.name


def first_line(obj: object) -> str:
    """First line of a docstring, as Markdown."""
    return (getattr(obj, '__doc__', None) or '').strip().partition('\n')[0].replace('``', '`')


def documented_names() -> dict[int, str]:
    """Where each public object of a package stands in the reference, by its identity."""
    found: dict[int, str] = {}
    for package in list(public_packages())[1:]:
        module = importlib.import_module(package)
        for name in module.__all__:
            found[id(getattr(module, name))] = f'{package}.{name}'
    return found


def public_names() -> str:
    """The names that ``mmwsss`` itself offers."""
    places = documented_names()
    rows = []
    for name in mmwsss.__all__:
        value = getattr(mmwsss, name)
        if not name.startswith('_'):
            rows.append((f'{{py:obj}}`mmwsss.{name} <{places[id(value)]}>`', first_line(value)))
    return table(('name', ''), rows)


def registered() -> str:
    """Every component that a config can name, by registry."""
    from mmwsss import registry

    places = documented_names()
    parts = []
    for name in registry.__all__:
        node = getattr(registry, name)
        node.import_from_location()
        rows = [
            (f'{{py:obj}}`mmwsss.{key} <{places[id(value)]}>`', first_line(value))
            for key, value in sorted(node.module_dict.items())
        ]
        parts.append(f'## {name}\n\n{table(("type", ""), rows)}')
    return '\n\n'.join(parts)
