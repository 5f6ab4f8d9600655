"""What a run does: its inputs, and its action."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmwsss.runs.keys import use_scope
from mmwsss.runs.run import Run


@dataclass
class Work:
    """What an action gets.

    Attributes:
        run: The run.
        filled: Values of the config's variables that inputs fill.
        inputs: Values of the action's own arguments.
        on_message: Gets one line a step.
    """

    run: Run
    filled: Mapping[str, Any]
    inputs: Mapping[str, Any]
    on_message: Callable[[str], None]

    def config(self, **more: Any) -> Config:
        """The run's config, with the variables that inputs fill, and more."""
        cfg = self.run.load({**self.filled, **more})
        use_scope(cfg)
        return cfg

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.run.folder

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the action takes beside the config."""
        return self.run.settings


@dataclass(frozen=True)
class Action:
    """Something that a run can do.

    Attributes:
        verb: What lines say while it is at work.
        do: Does it and gives the result: ``files`` (paths below the run's folder by name), ``values`` and ``figures``.
        arguments: Names of inputs that it takes itself; others are variables of the config.
        datasets: Configs of the data sets that it looks at, of config and settings.
        costly: Whether a result of other settings is kept and refused; else it is set aside and made again.
    """

    verb: str
    do: Callable[[Work], dict[str, Any]]
    arguments: tuple[str, ...] = ()
    datasets: Callable[[Config, Mapping[str, Any]], Iterator[Mapping[str, Any]]] = lambda cfg, settings: iter(())
    costly: bool = False
