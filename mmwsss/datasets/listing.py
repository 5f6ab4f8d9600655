"""Data sets whose items are listed, and whose pictures are not opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CHECKED = ('ImageLabelDataset', 'PhotoSplitDataset')


def without_pictures(config: Any) -> Any:
    """The config of a data set, those inside it included, that neither checks nor reads any picture.

    Args:
        config: Of a data set, or of wrappers around some.
    """
    if isinstance(config, Mapping):
        plain = {key: without_pictures(value) for key, value in config.items()}
        if 'pipeline' in plain:
            plain['pipeline'] = []
        if str(plain.get('type')).removeprefix('mmwsss.') in _CHECKED:
            plain['check_files'] = False
        return plain
    return [without_pictures(value) for value in config] if isinstance(config, (list, tuple)) else config
