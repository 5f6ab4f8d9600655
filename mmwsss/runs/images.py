"""The images that a pipeline's configs name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmengine.config import Config

from mmwsss.datasets.checks import check_data
from mmwsss.utils.errors import InputError


def training_set(cfg: Config) -> dict[str, Any]:
    """The images that a config learns from or makes masks of."""
    return (cfg.pseudo.dataset if cfg.get('pseudo') else cfg.train_set).to_dict()


def check_pictures(cfg: Config, on_message: Callable[[str], None]) -> None:
    """Look at every picture of a config's sets and say what is there.

    Raises:
        InputError: If a training would fail on them.
    """
    sets = {
        'train': cfg.pseudo.dataset if cfg.get('pseudo') else cfg.pseudo_set,
        'val': cfg.get('val_set'),
        'test': cfg.get('test_set'),
    }
    report = check_data({name: value and value.to_dict() for name, value in sets.items()})
    on_message(str(report))
    if not report.ok:
        raise InputError(f'The data cannot be trained on: {"; ".join(report.problems)}')
