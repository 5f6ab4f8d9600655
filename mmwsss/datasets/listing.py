"""Data sets whose items are listed, and whose pictures are not opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmwsss.datasets.image_label import ImageLabelDataset
from mmwsss.registry import DATASETS


def without_pictures(config: Any) -> Any:
    """The config of a data set, those inside it included, that neither checks nor reads any picture.

    Args:
        config: Of a data set, or of wrappers around some.
    """
    if isinstance(config, Mapping):
        plain = {key: [] if key == 'pipeline' else without_pictures(value) for key, value in config.items()}
        kind = DATASETS.get(plain['type']) if isinstance(plain.get('type'), str) else None
        if isinstance(kind, type) and issubclass(kind, ImageLabelDataset):
            plain['check_files'] = False
        return plain
    return [without_pictures(value) for value in config] if isinstance(config, (list, tuple)) else config
