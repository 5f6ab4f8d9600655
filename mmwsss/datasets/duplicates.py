"""Files with the same bytes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from mmwsss.utils.files import file_sha256

_HEAD = 1 << 16


def same_bytes(sizes: Mapping[str, int], progress: Callable[[int], None] = lambda number: None) -> list[list[str]]:
    """Groups of files that have the same bytes; only files of one size are read, and most of these only in part.

    Args:
        sizes: Size in bytes by path.
        progress: Called with the number of files that are done.

    Returns:
        Groups of two or more paths, in the order of the paths. Files that cannot be read are in none.
    """
    by_size = _groups(sizes, sizes.__getitem__)
    progress(len(sizes) - sum(map(len, by_size)))
    found = []
    for group in by_size:
        for part in _groups(group, _head):
            found += [part] if sizes[part[0]] <= _HEAD else _groups(part, _whole)
        progress(len(group))
    return found


def _groups(paths: Iterable[str], key: Callable[[str], Hashable]) -> list[list[str]]:
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for path in paths:
        value = key(path)
        if value is not None:
            groups[value].append(path)
    return [group for group in groups.values() if len(group) > 1]


def _head(path: str) -> bytes | None:
    try:
        with open(path, 'rb') as handle:
            return hashlib.sha256(handle.read(_HEAD)).digest()
    except OSError:
        return None


def _whole(path: str) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None


def contradictions(groups: Sequence[Sequence[str]], labels: Mapping[str, Hashable]) -> list[tuple[str, str]]:
    """A pair of each group whose pictures have different labels."""
    pairs = []
    for group in groups:
        other = next((path for path in group if labels[path] != labels[group[0]]), None)
        if other is not None:
            pairs.append((group[0], other))
    return pairs
