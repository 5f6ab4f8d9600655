"""The site, without building it: links, commands, examples, and that nothing public is missing."""

import argparse
import ast
import doctest
import json
import os
import re
import runpy
import shlex
import sys
from functools import cache
from pathlib import Path

import pytest

from mmwsss.cli.main import analyses, converters, tools

ROOT = Path(__file__).parents[1]
DOCS = ROOT / 'docs'
sys.path.insert(0, str(DOCS / '_ext'))

import site_texts  # noqa: E402

PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', ROOT / 'benchmarks' / 'README.md', *sorted(DOCS.rglob('*.md'))]
NOTEBOOKS = sorted(DOCS.rglob('*.ipynb'))
LINK = re.compile(r'\]\(([^)\s]+)\)')
FENCE = re.compile(r'^(`{3,})(.*?)\n(.*?)^\1$', re.MULTILINE | re.DOTALL)


def names(pages):
    return [page.relative_to(ROOT).as_posix() for page in pages]


def cells(page):
    """Sources of a notebook's cells of a kind, as (kind, text)."""
    return [(cell['cell_type'], ''.join(cell['source'])) for cell in json.loads(page.read_text())['cells']]


def prose(page):
    """A page's text outside of its code."""
    if page.suffix == '.ipynb':
        return '\n'.join(text for kind, text in cells(page) if kind == 'markdown')
    return FENCE.sub('', page.read_text(encoding='utf-8'))


def slug(heading):
    """The anchor of a heading, as GitHub and MyST make it."""
    text = re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', heading.strip().lower())
    return re.sub(r'[^\w\- ]', '', text).replace(' ', '-')


@cache
def anchors(page):
    """Anchors of a page; of the gallery's, those of its configs."""
    text = prose(page)
    found = {slug(heading) for heading in re.findall(r'^#+ (.+)$', text, re.MULTILINE)}
    found |= set(re.findall(r'^\(([\w-]+)\)=$', text, re.MULTILINE))
    for name in re.findall(r'^<!-- file: (.*) -->$', text, re.MULTILINE):
        found |= anchors(ROOT / name)
    for folder in re.findall(r'^<!-- configs(?:: (.*))? -->$', text, re.MULTILINE):
        found |= {site_texts.config_label(path) for path in site_texts.config_files(folder)}
    return found


def broken_links(text, page):
    """Relative links of a text that lead nowhere."""
    broken = []
    for link in LINK.findall(text):
        path, _, anchor = link.partition('#')
        if re.match(r'\w+:', link):
            continue
        target = (page.parent / path).resolve() if path else page
        own = path or anchor in anchors(page)
        known = target.exists() if not anchor else target.suffix == '.md' and target.exists()
        if not known or (anchor and anchor not in anchors(target) and not (not own and anchor in labels())):
            broken.append(link)
    return broken


@cache
def labels():
    """Names that a page may link to wherever it stands: (name)= and the gallery's."""
    return set().union(*(anchors(page) for page in (DOCS / 'gallery').glob('*.md')))


@pytest.mark.parametrize('page', [*PAGES, *NOTEBOOKS], ids=names([*PAGES, *NOTEBOOKS]))
def test_links_lead_somewhere(page):
    assert not broken_links(prose(page), page)


@pytest.mark.parametrize('link', ['method.md#no-such-part', 'gone.md', '#gone', '../gone/file.py'])
def test_a_broken_link_is_found(link):
    assert broken_links(f'see [this]({link}) and [that](method.md#what-each-config-sets)', DOCS / 'results.md') == [
        link
    ]


INLINE = re.compile(r'`((?:mmwsss|python tools/[^`\s]+) [^`]+)`')


def shell_commands(text):
    """Commands of shell blocks and cells and in the running text, each as its words."""
    for command in INLINE.findall(FENCE.sub('', text)):
        yield shlex.split(command)
    for _, kind, block in FENCE.findall(text):
        if kind in ('bash', 'console') or block.lstrip('-: \n').startswith('%%bash'):
            yield from commands_of(block)


def commands_of(block):
    for line in block.replace('\\\n', ' ').splitlines():
        if line.startswith(('---', ':', '%%')):
            continue
        for command in re.split(r' && | \|\| |;(?= )| \|(?: |$)', line.partition(' # ')[0]):
            yield shlex.split(re.split(r' \d?>', command)[0], comments=True)


RUNNERS = ('mmwsss', 'python', '.venv/bin/python', 'torchrun')


def as_tool(words):
    """File of the tool that a command runs and its arguments; None where it runs none of ours."""
    while words and re.match(r'[A-Z_]+=', words[0]):
        words = words[1:]
    if not words or words[0] not in RUNNERS and not words[0].endswith('.sh'):
        return None
    if words[0].startswith('tools/') and words[0].endswith('.sh'):
        return None if (ROOT / words[0]).is_file() else (Path(words[0]), [])
    if words[0] == 'mmwsss':
        groups = {'convert': converters, 'analyze': analyses}
        known, rest = (groups[words[1]](), words[2:]) if words[1] in groups else (tools(), words[1:])
        if not rest or rest[0].isupper() or rest[0].startswith('--'):
            return None
        return known.get(rest[0], Path(rest[0])), rest[1:]
    place = next((i for i, word in enumerate(words) if word.startswith(('tools/', 'benchmarks/'))), None)
    return None if place is None or Path(words[place]).stem.isupper() else (ROOT / words[place], words[place + 1 :])


@cache
def parser_of(path):
    if path.parent.name != 'benchmarks':
        return runpy.run_path(str(path), run_name='docs').get('parse_args')
    before = list(sys.path)
    sys.path.insert(0, str(path.parent))
    try:
        main = runpy.run_path(str(path), run_name='docs')['main']
    finally:
        sys.path[:] = before
    return lambda: only_parsed(main)


class ParsedError(Exception):
    """A command line was read."""


def only_parsed(main):
    """The arguments that a script reads; nothing of it runs."""
    original = argparse.ArgumentParser.parse_args

    def stop(parser, *arguments):
        raise ParsedError(original(parser, *arguments))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, 'parse_args', stop)
        try:
            main()
        except ParsedError as parsed:
            return parsed.args[0]
    raise AssertionError('Expected a script that reads its arguments first.')


def wrong_command(words, monkeypatch):
    """What is wrong with a command: there is no such tool, or it does not take these arguments."""
    found = as_tool(words)
    if found is None:
        return None
    path, arguments = found
    if not path.is_file():
        return f'no tool {path}'
    if not arguments or '...' in arguments:
        return None
    monkeypatch.setattr(sys, 'argv', [str(path), *arguments])
    monkeypatch.setattr(sys, 'stderr', open(os.devnull, 'w'))  # noqa: SIM115
    try:
        args = parser_of(path)()
    except SystemExit as end:
        return f'{path.name} refuses {arguments}' if end.code else None
    finally:
        monkeypatch.undo()
    config = str(getattr(args, 'config', ''))
    if config.startswith('configs/') and not (ROOT / config).is_file():
        return f'no config {config}'
    return unknown_option(args, config) if config.startswith('configs/') else None


def unknown_option(args, config):
    """The option of a command that is no variable of its config."""
    from mmwsss.config import config_variables
    from mmwsss.config.data import data_defaults

    known = {**config_variables(ROOT / config), **data_defaults()}
    given = [text.partition('=')[0] for text in getattr(args, 'cfg_options', None) or ()]
    return next((f'no variable {name} in {config}' for name in given if '.' not in name and name not in known), None)


def commands_of_page(page):
    text = page.read_text(encoding='utf-8')
    if page.suffix == '.ipynb':
        text = '\n'.join(f'```bash\n{text}\n```' for kind, text in cells(page) if text.startswith('%%bash'))
    return list(shell_commands(text))


@pytest.mark.parametrize('page', [*PAGES, *NOTEBOOKS], ids=names([*PAGES, *NOTEBOOKS]))
def test_commands_are_accepted(page, monkeypatch):
    wrong = [(words, reason) for words in commands_of_page(page) if (reason := wrong_command(words, monkeypatch))]
    assert not wrong


def test_commands_are_found_in_pages():
    read = [words for page in PAGES for words in commands_of_page(page) if as_tool(words)]
    assert len(read) > 80


@pytest.mark.parametrize(
    ('command', 'reason'),
    [
        ('mmwsss trains configs/vitb.py', 'no tool trains'),
        ('mmwsss train configs/vitb.py --work-dirs x', 'train.py refuses'),
        ('OMP_NUM_THREADS=1 python tools/train.py --amp', 'train.py refuses'),
        ('python tools/train.py configs/vitbb.py', 'no config configs/vitbb.py'),
        ('mmwsss train configs/vitb.py --cfg-options epoch=2', 'no variable epoch in configs/vitb.py'),
        ('tools/dist_training.sh configs/vitb.py 2', 'no tool tools/dist_training.sh'),
        ('mmwsss convert plume_scene out', 'no tool plume_scene'),
    ],
)
def test_a_wrong_command_is_found(command, reason, monkeypatch):
    (words,) = shell_commands(f'```bash\n{command}\n```')
    assert [words] == list(shell_commands(f'one: `{command}`')) or not command.startswith(('mmwsss', 'python'))
    assert wrong_command(words, monkeypatch).startswith(reason)


WITH_EXAMPLES = [page for page in PAGES if '>>> ' in page.read_text(encoding='utf-8')]


@pytest.mark.parametrize('page', WITH_EXAMPLES, ids=names(WITH_EXAMPLES))
def test_examples(page):
    assert doctest.testfile(str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


def test_python_of_pages_compiles():
    for page in PAGES:
        for _, kind, block in FENCE.findall(page.read_text(encoding='utf-8')):
            if kind == 'python' or (kind.startswith('{code-cell}') and '%%bash' not in block):
                ast.parse(re.sub(r'\A((:[\w-]+:.*\n)*(%%writefile.*\n)?)', '', block), page.name)
    for page in NOTEBOOKS:
        for kind, text in cells(page):
            ast.parse(text if kind == 'code' and not text.startswith('%%') else '', page.name)


def test_notebooks_hold_no_outputs():
    for page in NOTEBOOKS:
        assert not any(cell.get('outputs') for cell in json.loads(page.read_text())['cells'])


def test_every_config_is_in_the_gallery():
    shipped = {site_texts.config_label(path) for path in site_texts.CONFIGS.rglob('*.py')}
    assert len(shipped) == len(list(site_texts.CONFIGS.rglob('*.py'))) > 100
    assert shipped == {label for label in labels() if label.startswith('config-') and label != 'config-gallery'}


def test_the_gallery_says_what_a_config_sets(tmp_path, monkeypatch):
    monkeypatch.setattr(site_texts, 'CONFIGS', tmp_path)
    (tmp_path / 'base.py').write_text('# The base.\n')
    (tmp_path / 'own_one.py').write_text(
        "# Says what it is. Train it:\n#   mmwsss train own_one.py\n# and look.\n_base_ = './base.py'\nkind = 'data'\n"
        "rate = 3  # of learning | more\nname = 'a'\n_hidden = 1\nmodel = dict(type='X')\n"
    )
    part = site_texts.config_part(tmp_path / 'own_one.py')
    assert part == (
        '(config-own-one)=\n## own_one.py\n\nSays what it is. Train it:\n\n    mmwsss train own_one.py\n\nand look.\n\n'
        'Inherits from [`base.py`](#config-base). Kind: data.\n\n'
        '| variable | default |  |\n| --- | --- | --- |\n'
        "| `rate` | `3` | of learning \\| more |\n| `name` | `'a'` |  |\n\nSets `model`."
    )


def listed(path):
    """Names in ``__all__`` of a file."""
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '__all__':
            return ast.literal_eval(node.value)
    return []


def public_packages():
    """Packages with a list of public names, and the names that are no packages themselves."""
    for path in sorted((ROOT / 'mmwsss').rglob('__init__.py')):
        found = [name for name in listed(path) if not (path.parent / name).is_dir()]
        if found and '.mim' not in path.parts:
            yield '.'.join(path.parent.relative_to(ROOT).parts), found


def test_every_public_name_is_in_the_reference():
    documented = re.findall(r'^\.\. automodule:: (\S+)$', '\n'.join(p.read_text() for p in DOCS.rglob('*.md')), re.M)
    packages = dict(public_packages())
    assert len(packages) > 15
    assert not set(packages) - set(documented)
    registered = set()
    for path in (ROOT / 'mmwsss').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.ClassDef) and any('register_module' in ast.dump(d) for d in node.decorator_list):
                registered.add(node.name)
    assert len(registered) > 50
    assert not registered - set().union(*packages.values())
