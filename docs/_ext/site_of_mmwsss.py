"""Sphinx extension: texts that are read from the project, links to what lies outside docs, shell cells."""

from __future__ import annotations

import pkgutil
import re
from typing import Any

import site_texts
from docutils import nodes
from myst_nb.core import render
from myst_nb.core.utils import coalesce_streams
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

TEXTS = {
    'file': site_texts.file_text,
    'configs': site_texts.configs,
    'commands': site_texts.commands,
    'public names': site_texts.public_names,
    'registered': site_texts.registered,
}
"""What ``<!-- TEXT: argument -->`` on a page of its own line is replaced by."""
_PLACE = re.compile(rf'^<!-- ({"|".join(TEXTS)})(?:: (.*))? -->$', re.MULTILINE)
_OUTSIDE = {'../README.md': '/readme.md', '../CHANGELOG.md': '/changelog.md', '../CONTRIBUTING.md': '/contributing.md'}
"""Files outside docs that are pages of the site, too."""
_SHELL = '%%bash\n'


def read_page(app: Sphinx, page: str, content: list[str]) -> None:
    """Put texts in their places, and let links to the README lead to its page."""
    text = _PLACE.sub(lambda match: TEXTS[match[1]](*([match[2]] if match[2] else [])), content[0])
    for outside, inside in _OUTSIDE.items():
        text = text.replace(f']({outside}', f']({inside}')
    content[0] = text


def generated_pages(app: Sphinx, env: BuildEnvironment, *_: Any) -> list[str]:
    """Pages with such texts are read in every build."""
    return [page for page in env.found_docs if _PLACE.search(env.doc2path(page).read_text(encoding='utf-8'))]


def find_object(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement) -> Any:
    """Where the object of a name in a docstring stands; what is no part of the reference stays plain text."""
    target = node.get('reftarget', '')
    if node.get('refdomain') != 'py' or not target.startswith('mmwsss'):
        return None
    try:
        value = pkgutil.resolve_name(target)
    except (ImportError, AttributeError):
        return None
    place = app.env.mmwsss_places.get(id(value)) if callable(value) else None
    objects = env.get_domain('py').objects
    if place in objects:
        entry = objects[place]
        return make_refnode(app.builder, node['refdoc'], entry.docname, entry.node_id, text, place)
    return text


def joined_streams(outputs: list[Any]) -> list[Any]:
    """Merge a cell's stream outputs; its lines stay whole, though they come in pieces of a hundred characters."""
    whole: list[Any] = []
    by_name: dict[str, Any] = {}
    for output in outputs:
        if output['output_type'] == 'stream' and output['name'] in by_name:
            by_name[output['name']]['text'] += output['text']
            continue
        if output['output_type'] == 'stream':
            by_name[output['name']] = output
        whole.append(output)
    return coalesce_streams(whole)


def remember_places(app: Sphinx) -> None:
    """Import the package once."""
    app.env.mmwsss_places = site_texts.documented_names()


def show_shell_cells(app: Sphinx, document: nodes.document) -> None:
    """A cell that begins with ``%%bash`` is shown as the commands that a reader types."""
    for block in document.findall(nodes.literal_block):
        if block.rawsource.startswith(_SHELL) or block.astext().startswith(_SHELL):
            text = block.astext().removeprefix(_SHELL)
            block.rawsource = text
            block[:] = [nodes.Text(text)]
            block['language'] = 'bash'


def setup(app: Sphinx) -> dict[str, Any]:
    """Entry point of Sphinx."""
    render.coalesce_streams = joined_streams  # myst-nb's own ends a line after every piece
    app.connect('builder-inited', remember_places)
    app.connect('source-read', read_page)
    app.connect('env-get-outdated', generated_pages)
    app.connect('missing-reference', find_object)
    app.connect('doctree-read', show_shell_cells)
    return {'version': '1', 'parallel_read_safe': False, 'parallel_write_safe': True}
