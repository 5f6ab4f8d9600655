"""The only place that locks, names, resumes, sets aside and writes results of runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from mmwsss.runs.actions import ACTIONS
from mmwsss.runs.keys import RunKey, corrections_hash, data_hash, use_scope, without_corrections
from mmwsss.runs.run import Output, Run, in_order
from mmwsss.runs.work import Work
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import content_hash, locked, read_json, write_json

RESULT, STARTED = 'result.json', 'started.json'


class StaleRunError(InputError):
    """A result that was made by other settings than those asked for now."""


class State(Enum):
    """What a run's folder holds."""

    MISSING = 'will run'
    INTERRUPTED = 'will go on'
    STANDS = 'stands'
    OTHER_DATA = 'will run again (its labels, images or inputs changed)'
    OTHER_SETTINGS = 'made by other settings'


class Store:
    """Makes runs, or finds that they were made.

    A run's folder has ``result.json`` when it is finished and ``started.json`` while it is not. A result stands as
    long as its key is the same: settings, inputs, and the labels and images that the run looks at. Where labels, images
    or inputs changed, the old folder is set aside (``NAME.old1``) and the run is made again. Where settings changed, so
    it is, but for a training, which is refused: its hours are somebody's. Several processes may share folders: one
    waits for what another makes.

    Args:
        on_message: Gets one line a step.
    """

    def __init__(self, on_message: Callable[[str], None] = print) -> None:
        self.on_message = on_message
        self._keys: dict[Path, RunKey] = {}
        self._results: dict[Path, dict[str, Any]] = {}
        self._data: dict[str, str] = {}

    def key(self, run: Run) -> RunKey:
        """The key of what a run would make now.

        Raises:
            FileNotFoundError: If its config, label file or image folder is missing.
            ValueError: If its config, options or labels are wrong.
        """
        if run.folder not in self._keys:
            cfg = None if run.config is None else run.load()
            action = ACTIONS[run.action]
            content = [run.action, without_corrections(cfg.to_dict()) if cfg is not None else None, dict(run.settings)]
            inputs = {name: [self.key(output.run).short, output.name] for name, output in run.inputs.items()}
            data = ''
            if cfg is not None and takes_data_from_runs(run):
                data = corrections_hash(action.datasets(cfg, run.settings))
            elif cfg is not None:
                use_scope(cfg)
                data = data_hash(action.datasets(cfg, run.settings), self._data)
            self._keys[run.folder] = RunKey(content_hash(content), content_hash(inputs), data)
        return self._keys[run.folder]

    def state(self, run: Run) -> State:
        """What its folder holds, compared with what would be made now."""
        result, started = run.folder / RESULT, run.folder / STARTED
        for path, same in ((result, State.STANDS), (started, State.INTERRUPTED)):
            if path.exists():
                there, now = read_json(path)['key'], self.key(run).to_dict()
                if there == now:
                    return same
                if path == result and there['settings'] != now['settings']:
                    return State.OTHER_SETTINGS
                return State.OTHER_DATA
        return State.OTHER_DATA if run.folder.exists() and any(run.folder.iterdir()) else State.MISSING

    def finished(self, run: Run) -> dict[str, Any] | None:
        """The result that stands, without running anything."""
        return self._read(run) if self.state(run) is State.STANDS else None

    def get(self, run: Run) -> dict[str, Any]:
        """The result, made now where it does not stand; so are the runs it rests on.

        Returns:
            dict: what the action gave, with ``seconds``.

        Raises:
            StaleRunError: If its folder holds what other settings made.
        """
        if run.folder in self._results:
            return self._results[run.folder]
        inputs = {name: self.value(output) for name, output in run.inputs.items()}
        with locked(run.folder):
            state = self.state(run)
            if state is State.OTHER_SETTINGS and ACTIONS[run.action].costly:
                raise StaleRunError(
                    f'What is in {run.folder} was made by other settings: choose another work folder, or move that '
                    f'one away (of a pipeline: --restart {run.name}).'
                )
            if state is State.STANDS:
                self._results[run.folder] = result = self._read(run)
                return result
            if state in (State.OTHER_DATA, State.OTHER_SETTINGS):
                changed = 'settings' if state is State.OTHER_SETTINGS else 'labels, images or inputs'
                self.on_message(f'{run.name}: {changed} changed; what was there is now {set_aside(run.folder)}')
            return self._make(run, inputs)

    def value(self, output: Output) -> Any:
        """One value of a result; files as paths.

        Raises:
            KeyError: If the result has no such value.
        """
        result = self.get(output.run)
        if output.name == 'folder':
            return str(output.run.folder)
        if output.name in result.get('files', {}):
            return str(output.run.folder / result['files'][output.name])
        return result['values'][output.name]

    def filled(self, run: Run) -> dict[str, Any]:
        """Values of the variables of a run's config that its inputs fill."""
        taken = ACTIONS[run.action].arguments
        return {name: self.value(output) for name, output in run.inputs.items() if name not in taken}

    def restart(self, runs: Iterable[Run], first: Run) -> None:
        """Set a run's folder aside, and those of the runs that rest on it."""
        for run in in_order(list(runs)):
            if run is first or any(needed is first for needed in run.needed()):
                with locked(run.folder):  # another process may be making it
                    if run.folder.exists():
                        set_aside(run.folder)
                self._results.pop(run.folder, None)

    def _make(self, run: Run, inputs: Mapping[str, Any]) -> dict[str, Any]:
        action = ACTIONS[run.action]
        key = self.key(run).to_dict()
        write_json(run.folder / STARTED, {'key': key})
        self.on_message(f'{action.verb} {run.name} ...')
        start = time.perf_counter()
        filled = self.filled(run)
        own = {name: value for name, value in inputs.items() if name not in filled}
        result = action.do(Work(run, filled, own, self.on_message))
        result = {'key': key, 'seconds': round(time.perf_counter() - start, 1), **result}
        write_json(run.folder / RESULT, result)
        (run.folder / STARTED).unlink()
        self._results[run.folder] = result
        return result

    @staticmethod
    def _read(run: Run) -> dict[str, Any]:
        return read_json(run.folder / RESULT)


def takes_data_from_runs(run: Run) -> bool:
    """Whether the images or masks that it learns from are other runs' folders."""
    return any(output.name == 'folder' for output in run.inputs.values())


def set_aside(folder: Path) -> Path:
    """Move a folder to the first free ``NAME.old1``, ``NAME.old2`` and so on."""
    number = 1
    while (moved := folder.with_name(f'{folder.name}.old{number}')).exists():
        number += 1
    shutil.move(folder, moved)
    return moved
