"""Images without labels, from a folder or a list of any length."""

from __future__ import annotations

import codecs
import mmap
import os
import os.path as osp
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mmwsss.datasets.folder_scan import FolderScan
from mmwsss.datasets.metainfo import palette
from mmwsss.datasets.outside import Outside
from mmwsss.datasets.picture_files import SUFFIXES, UNREAD_SUFFIXES
from mmwsss.datasets.spelling import names_of
from mmwsss.registry import DATASETS
from mmwsss.utils.errors import InputError, MissingFileError


@DATASETS.register_module()
class ImageListDataset(Dataset):
    """Images that carry no labels, to make masks of: the generator's ``classes`` are then ``'predicted'`` or ``'all'``.

    A text file stays on the disk: of each line only the place is kept (8 bytes an image). A folder is scanned file by
    file (see :class:`~mmwsss.datasets.folder_scan.FolderScan`), and no image is opened before its turn.

    Args:
        source: A folder, a single picture, or a text file in UTF-8 with one path a line (empty lines are passed over).
        classes: Names of the K classes; a text is one name.
        data_root: Folder that the paths of a text file are relative to; by default that of the text file. It is also
            the folder that no image may lie outside of.
        follow_links: Also read images that are links to somewhere outside it, and go into folders that are links.

    Attributes:
        scan: What a scan of a folder left out; None for a list.
        notes: The same in words.

    Raises:
        FileNotFoundError: If there is no such folder or file.
        ValueError: If it names no image, is neither a picture nor a text, or no class is given.
    """

    def __init__(
        self,
        source: str | Path,
        classes: str | Sequence[str],
        data_root: str | Path | None = None,
        follow_links: bool = False,
    ) -> None:
        classes = names_of(classes, 'classes')
        if not classes:
            raise InputError('Expected the names of the classes for images without labels, but got none.')
        self.source = str(source)
        self.scan: FolderScan | None = None
        self._names: bytearray | None = None
        if osp.isdir(self.source):
            self.root = osp.abspath(self.source)
            self.scan = FolderScan(self.source, follow_links)
            self._keep(self.scan)
        elif osp.isfile(self.source) and osp.splitext(self.source)[1].lower() in SUFFIXES | UNREAD_SUFFIXES:
            self.root = osp.abspath(osp.dirname(self.source) or '.')
            self._keep([osp.basename(self.source)])
        elif osp.isfile(self.source):
            self.root = osp.abspath(data_root or osp.dirname(self.source) or '.')
            self._places = array('q', self._lines())
        else:
            raise MissingFileError(f'Expected a folder of images or a text file that lists some in {source}.')
        self.notes = self.scan.notes() if self.scan is not None else []
        if not self._places:
            left_out = ' '.join(f'{note}.' for note in self.notes)
            raise InputError(f'Expected at least one image in {source}, but got none. {left_out}'.rstrip())
        self.classes = classes
        self._outside = Outside(self.root, follow_links)
        self.metainfo: dict[str, Any] = {
            'classes': self.classes,
            'palette': palette(len(self.classes)),
            'context_by_class': False,
            'image_root': self.root,
        }

    def _keep(self, names: Iterable[str]) -> None:
        self._names = bytearray()
        self._places = array('q')
        for name in names:
            self._places.append(len(self._names))
            self._names += os.fsencode(name) + b'\0'

    def _lines(self) -> Iterator[int]:
        """Where each line begins, in bytes."""
        with open(self.source, 'rb') as handle:
            start = handle.read(4096)
            if b'\0' in start or start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise InputError(f'Expected a text file in UTF-8 with one path a line, but {self.source} is none.')
            place = len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0
            handle.seek(place)
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
        """``img_path``, and empty ``gt_label`` (0,) and ``gt_score`` (K,); ``refused`` says why it must not be read."""
        path = self.path(idx)
        refused = self._outside.refusal(path)
        return {
            'img_path': path,
            'gt_label': np.zeros(0, np.int64),
            'gt_score': np.zeros(len(self.classes), np.float32),
            **({} if refused is None else {'refused': refused}),
        }

    def __getitem__(self, idx: int) -> dict[str, Any]:
        return self.get_data_info(idx)
