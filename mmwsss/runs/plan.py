"""What a graph of runs would do, as text."""

from __future__ import annotations

from collections.abc import Sequence

from mmwsss.runs.run import Run
from mmwsss.runs.store import RESULT, State, Store
from mmwsss.utils.files import read_json


def seconds_of(run: Run) -> float | None:
    """What a run did cost, this time or before it was set aside; None where it never finished."""
    folders = [run.folder, *sorted(run.folder.parent.glob(f'{run.folder.name}.old*'), reverse=True)]
    return next((read_json(path)['seconds'] for folder in folders if (path := folder / RESULT).exists()), None)


def plan_table(store: Store, runs: Sequence[Run]) -> str:
    """A line a run: name, action, state, seconds; what is missing of a run's inputs will run before it.

    Args:
        store: Knows what stands.
        runs: In the order in which they are made.
    """
    again: set[Run] = set()
    rows = []
    for run in runs:
        state = store.state(run)
        if state is State.STANDS and any(output.run in again for output in run.inputs.values()):
            state = State.OTHER_DATA
        if state is not State.STANDS:
            again.add(run)
        cost = seconds_of(run)
        known = '' if cost is None else f'{cost:.0f} s'
        rows.append((run.name, run.action, run.config or '', known, state.value))
    header = ('run', 'action', 'config', 'took', 'now')
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(4)]
    lines = ['  '.join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[4]]) for row in [header, *rows]]
    waiting = sum(seconds_of(run) or 0 for run in again)
    unknown = sum(seconds_of(run) is None for run in again)
    rest = f'; the others took {waiting:.0f} s before' if again else ''
    never = f', {unknown} of them never ran' if unknown else ''
    lines.append(f'{len(runs) - len(again)} of {len(runs)} runs stand{rest}{never}')
    return '\n'.join(lines)
