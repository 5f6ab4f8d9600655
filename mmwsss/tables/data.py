"""The data that rows are run on, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmwsss.config import data_variables

NAMED = {name: f'configs/data/{name}.py' for name in ('smoke5k', 'scenes', 'shapes', 'ccp', 'voc12', 'coco14')}
"""Descriptions of data by their short names."""


def data_of(name: str) -> Mapping[str, Any]:
    """Variables of a data set by its short name, or by the path of its description.

    Raises:
        FileNotFoundError: If it is neither.
    """
    return data_variables(NAMED.get(name, name))
