"""Images without labels, from a folder or a list of any length."""

from __future__ import annotations

import mmap
import os
import os.path as osp
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mmwsss.datasets.metainfo import palette
from mmwsss.datasets.pictures import SUFFIXES
from mmwsss.registry import DATASETS


def scan_folder(folder: str | Path) -> Iterator[str]:
    """Image files below a folder, relative to it, in a fixed order; sub-folders are opened one after the other."""
    waiting = [('', sorted(os.scandir(folder), key=lambda entry: entry.name))]
    while waiting:
        inside, entries = waiting.pop()
        for number, entry in enumerate(entries):
            name = osp.join(inside, entry.name)
            if entry.is_dir(follow_symlinks=False):
                waiting.append((inside, entries[number + 1 :]))
                waiting.append((name, sorted(os.scandir(entry.path), key=lambda entry: entry.name)))
                break
            if osp.splitext(entry.name)[1].lower() in SUFFIXES:
                yield name


@DATASETS.register_module()
class ImageListDataset(Dataset):
    """Images that carry no labels, to make masks of: the generator's ``classes`` are then ``'predicted'`` or ``'all'``.

    A text file stays on the disk: of each line only the place is kept (8 bytes an image). A folder is scanned file by
    file, and no image is opened before its turn.

    Args:
        source: A folder, or a text file with one path a line (empty lines are passed over).
        classes: Names of the K classes.
        data_root: Folder that the paths of a text file are relative to; by default that of the text file. It is also
            the folder that no image may lie outside of.

    Raises:
        FileNotFoundError: If there is no such folder or file.
        ValueError: If it names no image, or no class is given.
    """

    def __init__(self, source: str | Path, classes: Sequence[str], data_root: str | Path | None = None) -> None:
        if not classes:
            raise ValueError('Expected the names of the classes for images without labels, but got none.')
        self.source = str(source)
        if osp.isdir(self.source):
            self.root = osp.abspath(self.source)
            self._names = bytearray()
            self._places = array('q')
            for name in scan_folder(self.source):
                self._places.append(len(self._names))
                self._names += os.fsencode(name) + b'\0'
        elif osp.isfile(self.source):
            self.root = osp.abspath(data_root or osp.dirname(self.source) or '.')
            self._names = None
            self._places = array('q', self._lines())
        else:
            raise FileNotFoundError(f'Expected a folder of images or a text file that lists some in {source}.')
        if not self._places:
            raise ValueError(f'Expected at least one image in {source}, but got none.')
        self.classes = tuple(classes)
        self.metainfo: dict[str, Any] = {
            'classes': self.classes,
            'palette': palette(len(self.classes)),
            'context_by_class': False,
            'image_root': self.root,
        }

    def _lines(self) -> Iterator[int]:
        place = 0
        with open(self.source, 'rb') as handle:
            for line in handle:
                if line.strip():
                    yield place
                place += len(line)

    def __len__(self) -> int:
        return len(self._places)

    def path(self, idx: int) -> str:
        """Path of one image."""
        place = self._places[idx]
        if self._names is not None:
            name = bytes(self._names[place : self._names.index(b'\0', place)])
        else:
            with open(self.source, 'rb') as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
                content.seek(place)
                name = content.readline().strip()
        return osp.join(self.root, os.fsdecode(name))

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """``img_path``, and empty ``gt_label`` (0,) and ``gt_score`` (K,)."""
        return {
            'img_path': self.path(idx),
            'gt_label': np.zeros(0, np.int64),
            'gt_score': np.zeros(len(self.classes), np.float32),
        }

    def __getitem__(self, idx: int) -> dict[str, Any]:
        return self.get_data_info(idx)
