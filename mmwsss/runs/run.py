"""A run: what one stage does, with what, and which other runs give it its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmwsss.config import load_config, split_data_options
from mmwsss.utils.errors import InputError


@dataclass(frozen=True)
class Output:
    """One value of a run's result.

    Attributes:
        run: The run that gives it.
        name: A file of the result (``'checkpoint'``; ``'folder'`` is the run's own), or one of its values
            (``'threshold'``).
    """

    run: Run
    name: str


@dataclass(frozen=True, eq=False)
class Run:
    """One node of the graph.

    Attributes:
        folder: Where everything that it makes lies; no two runs share one.
        action: What is done: a key of :data:`~mmwsss.runs.actions.ACTIONS`.
        config: Path of its config, None for an action without one.
        options: Variables and keys of the config.
        inputs: By name: other runs' outputs. A name that the action does not take itself is a variable of the config,
            which the output fills.
        settings: What the action takes beside the config.
        data: Variables that describe the data; a config takes those that it has.
        scale: File of ``configs/scales/``.
        label: What lines and plans call it; by default the folder's name.
    """

    folder: Path
    action: str
    config: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Output] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    scale: str | None = None
    label: str = ''

    @property
    def name(self) -> str:
        """What it is called in lines and plans."""
        return self.label or self.folder.name

    def load(self, filled: Mapping[str, Any] | None = None) -> Config:
        """Its config.

        Args:
            filled: Values of variables that inputs fill; without them the config has its own.

        Raises:
            FileNotFoundError: If there is no such config.
            InputError: If its action has none.
        """
        if self.config is None:
            raise InputError(f'Expected a config for {self.name}, but it has none.')
        data, variables = split_data_options(filled or {})
        options = {**self.options, **variables}
        return load_config(self.config, options, data={**self.data, **data}, scale=self.scale)

    def needed(self) -> Iterator[Run]:
        """Every run that this one rests on, each once, before those that rest on it."""
        seen: set[Path] = set()
        for run in self._walk(seen):
            if run is not self:
                yield run

    def _walk(self, seen: set[Path]) -> Iterator[Run]:
        if self.folder in seen:
            return
        seen.add(self.folder)
        for output in self.inputs.values():
            yield from output.run._walk(seen)
        yield self


def in_order(runs: Mapping[str, Run] | list[Run]) -> list[Run]:
    """Runs and all that they rest on, each once, in an order in which they can be made."""
    seen: set[Path] = set()
    given = runs.values() if isinstance(runs, Mapping) else runs
    return [run for first in given for run in first._walk(seen)]
