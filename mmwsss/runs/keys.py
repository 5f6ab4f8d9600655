"""What makes a run's result what it is: settings, inputs, and the images and labels that it sees."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS as HOST_DATASETS
from mmengine.registry import init_default_scope

from mmwsss.datasets.corrections import require_corrections
from mmwsss.datasets.listing import without_pictures
from mmwsss.utils.files import content_hash, file_sha256

_FILES = ('img_path', 'seg_map_path', 'context_path')


@dataclass(frozen=True)
class RunKey:
    """Three hashes that name a result; equal keys mean one result.

    Attributes:
        settings: Of the action, the config and its options.
        inputs: The keys of the runs whose outputs it takes.
        data: The images and labels that it looks at itself, by name, label and size; where they are other runs'
            outputs, of the corrections to them, if any.
    """

    settings: str
    inputs: str
    data: str

    def to_dict(self) -> dict[str, str]:
        """As JSON keeps it."""
        return {'settings': self.settings, 'inputs': self.inputs, 'data': self.data}

    @property
    def short(self) -> str:
        """16 hexadecimal digits that stand for all three."""
        return content_hash(self.to_dict())


def data_hash(datasets: Iterable[Mapping[str, Any]], cache: dict[str, str] | None = None) -> str:
    """A hash of what data sets hold: names, labels and sizes of their files, in order.

    Pictures are not opened.

    Args:
        datasets: Configs of data sets.
        cache: Hashes by config, read and added to.

    Raises:
        FileNotFoundError: If a label file or folder is missing.
        ValueError: If labels are wrong.
    """
    cache = {} if cache is None else cache
    hashes = []
    for config in datasets:
        name = content_hash(config)
        if name not in cache:
            cache[name] = content_hash(list(_items(config)))
        hashes.append(cache[name])
    return content_hash(hashes) if hashes else ''


def without_corrections(value: Any) -> Any:
    """A config without the folders of corrections that it names: what is in them counts (:func:`corrections_hash`)."""
    if isinstance(value, Mapping):
        return {key: without_corrections(part) for key, part in value.items() if key != 'corrections'}
    return [without_corrections(part) for part in value] if isinstance(value, (list, tuple)) else value


def corrections_hash(datasets: Iterable[Mapping[str, Any]]) -> str:
    """A hash of the corrected masks that data sets name; empty where they name none.

    Args:
        datasets: Configs of data sets of pseudo masks, which are other runs' outputs.

    Raises:
        FileNotFoundError: If a folder of corrections is missing.
    """
    folders = [folder for config in datasets for folder in _corrections_in(config)]
    for folder in folders:
        require_corrections(folder)
    manifests = [Path(folder) / 'manifest.jsonl' for folder in folders]
    return content_hash([file_sha256(path) for path in manifests]) if manifests else ''


def _corrections_in(config: Mapping[str, Any]) -> Iterator[str]:
    """Folders of corrections of a data set, and of those that it is put together from."""
    if config.get('corrections'):
        yield config['corrections']
    for value in config.values():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(part, Mapping):
                yield from _corrections_in(part)


def _items(config: Mapping[str, Any]) -> Iterable[Any]:
    dataset = HOST_DATASETS.build(without_pictures(config))
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        labels = info.get('gt_label')
        yield [
            [[os.path.basename(info[key]), _size(info[key])] for key in _FILES if info.get(key)],
            labels.tolist() if hasattr(labels, 'tolist') else labels,
            *_doubts(info),
        ]
    yield list(getattr(dataset, 'metainfo', {}).get('classes') or ())


def _doubts(info: Mapping[str, Any]) -> list[list[float]]:
    """The targets of the loss where they are more than yes and no."""
    score = info.get('gt_score')
    return [score.tolist()] if score is not None and ((score > 0) & (score < 1)).any() else []


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1  # whoever reads it says that it is missing


def use_scope(config: Config) -> None:
    """Let the host that a config is for build its data sets."""
    init_default_scope(config.get('default_scope') or 'mmpretrain')
