"""Whether a variable of a config changes anything that is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmwsss.config.kinds import used_part
from mmwsss.config.options import near
from mmwsss.config.tree import ConfigTree


def acts(
    tree: ConfigTree,
    name: str,
    kind: str | None,
    values: Mapping[str, Any] | None = None,
    content: Mapping[str, Any] | None = None,
) -> bool:
    """Whether another value of a variable makes another config, in the part that is used.

    Args:
        tree: The config.
        name: The variable.
        kind: What the config is.
        values: Values of variables, among which ``name`` is changed.
        content: What the config is with these values, where it is known.
    """
    values = dict(values or {})
    content = tree.evaluate(values) if content is None else content
    here, failed = used_part(content, kind), False
    for other in _other_values(content.get(name)):
        try:
            changed = used_part(tree.evaluate({**values, name: other}), kind)
        except Exception:  # the value is computed with, but this one does not fit
            failed = True
            continue
        if changed != here:
            return True
    return failed


def _other_values(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield from (value + 1, 2 * value + 3, -value - 1)
    elif isinstance(value, str):
        yield from (f'{value}_other', '')
    elif isinstance(value, (list, tuple)):
        kind = type(value)
        yield from (kind([*value, *(value[:1] or ['other'])]), kind())
    else:
        yield from ('other', 1, ['other'], True)


def why_not(tree: ConfigTree, name: str, kind: str | None) -> str:
    """Why a variable does not act: words that follow its name."""
    child = _overruling(tree, name, kind)
    if child is None:
        return 'changes nothing that is used'
    return f'is overruled by {child.path.name}, which sets what its bases compute from it'


def _overruling(tree: ConfigTree, name: str, kind: str | None) -> ConfigTree | None:
    """The config whose own keys take the place of what a base computes from a variable."""
    for base in tree.bases:
        if name in base.variables():
            return tree if acts(base, name, kind) else _overruling(base, name, kind)
    return None


def near_variables(tree: ConfigTree, name: str, kind: str | None, values: Mapping[str, Any]) -> list[str]:
    """Variables that look like a name, and act."""
    return [other for other in near(name, tree.variables()) if acts(tree, other, kind, values)]
