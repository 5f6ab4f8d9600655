"""The data that rows are run on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmwsss.config import load_data
from mmwsss.datasets.converters.scenes import export_scenes

SCENES = {'train': 800, 'val': 100, 'test': 160}
"""Number of generated scenes by split."""
_GENERATED: dict[str, tuple[dict[str, Any], str]] = {
    'scenes': ({'train_bias': (0.7, 0.4)}, 'plume_scenes'),
    'shapes': ({'kind': 'shapes', 'size': 64, 'train_bias': (0.9, 0.1)}, 'shapes_scenes'),
}


def data_variables(data: str, work_dir: str | Path) -> dict[str, Any]:
    """Config variables of a data set: ``'smoke5k'``, ``'scenes'`` or ``'shapes'`` (generated now), or a file.

    Raises:
        FileNotFoundError: If ``data`` is none of them.
    """
    if data == 'smoke5k':
        return {}
    if data in _GENERATED:
        root = Path(work_dir) / 'scenes'
        settings, described = _GENERATED[data]
        if not (root / 'annotations' / 'test.csv').exists():
            export_scenes(root, SCENES, **settings)
        return {**load_data(described), 'dataset_root': str(root)}
    if not Path(data).is_file():
        raise FileNotFoundError(
            f"Expected data 'smoke5k', 'scenes', 'shapes' or a config of data variables, but got {data!r}."
        )
    return load_data(data)
