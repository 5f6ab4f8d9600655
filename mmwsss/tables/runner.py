"""Runs rows of tables with several seeds, and collects their figures."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmwsss.runs import Store, in_order
from mmwsss.runs.plan import plan_table
from mmwsss.tables.graph import RowGraph
from mmwsss.tables.rows import Row
from mmwsss.utils.errors import InputError

_UNAVAILABLE = (FileNotFoundError, ImportError)


class TableRunner:
    """Trains and evaluates rows; what two rows share is done once, what stands is never done again.

    Args:
        scale: The size of the networks.
        data: Description of the data, by its short name or path.
        options: Variables of the data, and of every config in which they act.
        seeds: Random seeds; each run's teacher has its seed too.
        work_dir: Output folder; several processes may share one.
        on_message: Gets one line a step.
    """

    def __init__(
        self,
        scale: str,
        data: str,
        options: Mapping[str, Any] | Sequence[str] | None,
        seeds: Sequence[int],
        work_dir: str | Path,
        on_message: Callable[[str], None] = print,
    ) -> None:
        self.graph = RowGraph(scale, data, work_dir, options or ())
        self.store, self.seeds, self.on_message = Store(on_message), tuple(seeds), on_message

    def run(self, rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
        """Run what is missing; the seed is the outer loop, so that an interrupted run has whole seeds.

        Returns:
            dict: by row id ``figures`` and ``control``, a list of one dict a seed each, with its ``seed``, or
            ``missing``, why the row cannot run.
        """
        rows = list(rows)
        self._look_at_everything(rows)
        return self._collect(rows, lambda run: self.store.get(run)['figures'])

    def _look_at_everything(self, rows: Sequence[Row]) -> None:
        """Read configs, options and labels of all runs before the first one starts."""
        for run in in_order(self.graph.runs(rows, self.seeds)):
            with contextlib.suppress(*_UNAVAILABLE):  # said of the row that needs it
                self.store.key(run)
        if self.graph.unused:
            raise InputError(
                f'Expected options that act in a config that is run, but got {", ".join(sorted(self.graph.unused))}.'
            )

    def finished(self, rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
        """The results that stand, without running anything."""
        return self._collect(list(rows), lambda run: (self.store.finished(run) or {}).get('figures'))

    def plan(self, rows: Iterable[Row]) -> str:
        """What stands, what will run, and what each did cost, as lines of text."""
        return plan_table(self.store, in_order(self.graph.runs(rows, self.seeds)))

    def _collect(self, rows: Sequence[Row], get: Callable[[Any], dict[str, Any] | None]) -> dict[str, dict[str, Any]]:
        results: dict[str, dict[str, Any]] = {}
        for seed in self.seeds:
            for row in rows:
                entry = results.setdefault(row.row, {'figures': [], 'control': []})
                if 'missing' in entry:
                    continue
                try:
                    self.graph.check_test_set(row)
                    for kind, config in (('figures', row.config), ('control', self.graph.control(row))):
                        figures = get(self.graph.evaluated(row, config, seed)) if config is not None else None
                        if figures is not None:
                            entry[kind].append({**figures, 'seed': seed})
                except _UNAVAILABLE as error:
                    entry['missing'] = str(error)
                    self.on_message(f'{row.row}: cannot run: {error}')
        return results
