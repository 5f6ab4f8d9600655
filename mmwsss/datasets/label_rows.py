"""Several rows of one picture: joined where they agree or add, refused where they contradict."""

from __future__ import annotations

import os.path as osp
from collections.abc import Container, Iterable
from dataclasses import replace

from mmwsss.datasets.label_table import LabelRow
from mmwsss.datasets.spelling import spelling
from mmwsss.utils.errors import InputError


def join_rows(rows: Iterable[LabelRow], negatives: Container[str]) -> tuple[list[LabelRow], list[str]]:
    """One row a picture.

    Args:
        rows: In order; the first row of a picture keeps its place.
        negatives: Names that mean "no class", as :func:`~mmwsss.datasets.spelling.spelling` gives them.

    Returns:
        The rows, and notes on what was joined.

    Raises:
        ValueError: If one says that a picture shows a class and another, or the same, that it shows none; names both.
    """
    found: dict[str, LabelRow] = {}
    joined = 0
    for row in rows:
        _refuse_both(row, negatives)
        key = osp.normpath(row.path)
        before = found.get(key)
        if before is None:
            found[key] = row
            continue
        if _is_negative(before, negatives) != _is_negative(row, negatives):
            raise InputError(
                f'Expected rows of one picture that agree, but {before.where} says {_say(before)} of {row.path} and '
                f'{row.where} says {_say(row)}.'
            )
        if before.probability != row.probability:
            raise InputError(
                f'Expected one row of votes or one probability for {row.path}, but {before.where} and {row.where} '
                'differ: add the votes up in one row.'
            )
        joined += 1
        known = {spelling(name) for name in before.labels}
        more = tuple(name for name in row.labels if spelling(name) not in known)
        found[key] = replace(before, labels=before.labels + more)
    notes = [f'{joined} rows name a picture that an earlier row names: joined'] if joined else []
    return list(found.values()), notes


def _is_negative(row: LabelRow, negatives: Container[str]) -> bool:
    return all(spelling(name) in negatives for name in row.labels)


def _refuse_both(row: LabelRow, negatives: Container[str]) -> None:
    none = [name for name in row.labels if spelling(name) in negatives]
    if none and len(none) < len(row.labels):
        raise InputError(f'Expected classes or {none[0]!r} in {row.where}, but got both: {_say(row)}.')


def _say(row: LabelRow) -> str:
    return repr(';'.join(row.labels)) if row.labels else 'no class'
