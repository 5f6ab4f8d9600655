"""Results of the same rows that several machines measured, each with seeds of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmwsss.utils.errors import InputError
from mmwsss.utils.files import read_json


def with_results_of(results: Mapping[str, Mapping[str, Any]], files: Iterable[str | Path]) -> dict[str, dict[str, Any]]:
    """Results with those that other calls of ``tools/ablate.py`` wrote; seeds of a row are put in order.

    That data, scale and options were the same is for the caller to know: the files do not say.

    Args:
        results: Of :meth:`mmwsss.tables.runner.TableRunner.run`.
        files: JSON files of :func:`~mmwsss.tables.formatting.results_json`; rows that ``results`` has not are left out.

    Raises:
        ValueError: If a file is none of these, or measured a seed of a row again.
    """
    merged = {row: {kind: list(value) if isinstance(value, list) else value for kind, value in entry.items()}
              for row, entry in results.items()}  # fmt: skip
    for path in files:
        content = read_json(path)
        if not isinstance(content, list) or not all(isinstance(entry, dict) and 'row' in entry for entry in content):
            raise InputError(f'Expected the rows that tools/ablate.py writes in {path}, but found something else.')
        for entry in content:
            if entry['row'] not in merged:
                continue
            own = merged[entry['row']]
            for kind in ('figures', 'control'):
                seeds = {figures.get('seed') for figures in own.get(kind, [])}
                again = sorted(
                    str(figures.get('seed')) for figures in entry.get(kind, []) if figures.get('seed') in seeds
                )
                if again:
                    raise InputError(
                        f'Expected seeds of {entry["row"]} in {path} that were not measured elsewhere, but got '
                        f'{", ".join(again)} once more.'
                    )
                own[kind] = sorted([*own.get(kind, []), *entry.get(kind, [])], key=lambda figures: figures['seed'])
            if own['figures']:
                own.pop('missing', None)
    return merged
