"""Images that carry image-level labels only."""

from __future__ import annotations

import csv
import os.path as osp
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset

from mmwsss.datasets.metainfo import palette
from mmwsss.datasets.pictures import SUFFIXES, check_picture
from mmwsss.registry import DATASETS
from mmwsss.utils.files import read_json

_BAD_FILES_NAMED = 5


@DATASETS.register_module()
class ImageLabelDataset(BaseDataset):
    """A folder of images, each with the names of the classes that it shows.

    The labels come from

    * a ``.json`` file in MMPretrain's form: ``{"metainfo": {"classes": [...]}, "data_list": [{"img_path": ...,
      "gt_label": index or [indices]}]}``;
    * a ``.csv`` file with a header and the columns path and label (names, several joined by ``;``, none for an image
      without any class);
    * or, without ``ann_file``, one sub-folder a class.

    An image without any class is a negative: it trains and it gets an all-background mask. A data set that gives such
    images a class of their own ("no_smoke") names it in ``negative_classes``; it then is no class of the metainfo.

    Every item has ``gt_label``, int64 class indices (n,), and ``gt_score``, the multi-hot float32 vector (K,). Masks
    are for evaluation alone: their paths are in an item only when ``test_mode`` is on.

    Args:
        ann_file: Label file, relative to ``data_root``; empty for class sub-folders.
        data_root: Root of ``ann_file`` and ``data_prefix``.
        data_prefix: ``img_path`` (or a plain string), and optionally ``seg_map_path`` (masks: 0 background,
            k + 1 class k) and ``context_path`` (masks of what the class co-occurs with, non-zero where it is).
        classes: Names that count, in order; by default those of the label file or folders, sorted where the file
            gives no order.
        negative_classes: Names that mean "none of the classes".
        mask_suffix: Suffix of mask files, which otherwise share their image's name.
        check_files: Look at every file when a training set is built (header and end of file, not the pixels).
        **kwargs: Of :class:`mmpretrain.datasets.BaseDataset`.

    Raises:
        FileNotFoundError: If the label file or folder is missing.
        ValueError: If a label is no class, the set is empty, or a training set has unreadable images or no positive.
    """

    def __init__(
        self,
        ann_file: str = '',
        data_root: str = '',
        data_prefix: str | dict = '',
        classes: Sequence[str] | None = None,
        negative_classes: Sequence[str] = (),
        mask_suffix: str = '.png',
        check_files: bool = True,
        context_by_class: bool = False,
        **kwargs: Any,
    ) -> None:
        self.context_by_class = context_by_class
        self.negative_classes = tuple(negative_classes)
        self.mask_suffix = mask_suffix
        self.check_files = check_files
        super().__init__(ann_file=ann_file, data_root=data_root, data_prefix=data_prefix, classes=classes, **kwargs)

    @property
    def gives_masks(self) -> bool:
        """Whether items name their masks: to test, never to train."""
        return self.test_mode

    def load_data_list(self) -> list[dict]:
        """Read the label file or the folders, and check every label and, to train, every file."""
        rows, names, source = self._read_rows()
        given = self._metainfo.get('classes')
        classes = tuple(given or (name for name in names if name not in self.negative_classes))
        if not classes:
            raise ValueError(f'Expected at least one class in {source}, but got none beside {self.negative_classes}.')
        if not rows:
            raise ValueError(f'Expected at least one image in {source}, but got none.')
        self._metainfo['classes'] = classes
        self._metainfo.setdefault('palette', palette(len(classes)))
        self._metainfo['context_by_class'] = self.context_by_class
        self._metainfo['image_root'] = osp.abspath(self.data_prefix['img_path'] or '.')
        index = {name: number for number, name in enumerate(classes)}
        data_list = [self._item(path, labels, index, where) for path, labels, where in rows]
        if not self.test_mode:
            self._check_training_set(data_list, source)
        return data_list

    def _read_rows(self) -> tuple[list[tuple[str, list[str], str]], list[str], str]:
        """Rows of (image path, label names, place for an error), the names in order, and the source."""
        if not self.ann_file:
            folder = self.data_prefix['img_path']
            if not osp.isdir(folder):
                raise FileNotFoundError(f'Expected a folder with one sub-folder a class, but there is no {folder}.')
            rows = list(self._scan_folder(Path(folder)))
            names = sorted(entry.name for entry in Path(folder).iterdir() if entry.is_dir())
            return rows, names, folder
        if not osp.isfile(self.ann_file):
            raise FileNotFoundError(f'Expected a label file (.json or .csv), but there is no {self.ann_file}.')
        if self.ann_file.endswith('.json'):
            rows, names = self._read_json_labels()
        elif self.ann_file.endswith('.csv'):
            rows, names = self._read_csv_labels()
        else:
            raise ValueError(f'Expected a label file that ends in .json or .csv, but got {self.ann_file}.')
        return rows, names, self.ann_file

    @staticmethod
    def _scan_folder(folder: Path) -> Iterator[tuple[str, list[str], str]]:
        for path in sorted(folder.rglob('*')):
            if path.suffix.lower() not in SUFFIXES or not path.is_file():
                continue
            inside = path.relative_to(folder)
            if len(inside.parts) == 1:
                raise ValueError(f'Expected every image in a sub-folder named for its class, but got {path}.')
            yield str(inside), [inside.parts[0]], str(path)

    def _read_json_labels(self) -> tuple[list[tuple[str, list[str], str]], list[str]]:
        content = read_json(self.ann_file)
        try:
            names = [str(name) for name in content['metainfo']['classes']]
            entries = [(entry['img_path'], entry['gt_label']) for entry in content['data_list']]
        except (KeyError, TypeError) as error:
            raise ValueError(
                f'Expected metainfo.classes and a data_list of img_path and gt_label in {self.ann_file}, '
                f'but {error!r} went wrong.'
            ) from error
        rows = []
        for number, (path, label) in enumerate(entries):
            if not isinstance(path, str):
                raise ValueError(
                    f'Expected a text as img_path in {self.ann_file}, data_list[{number}], but got {path!r}.'
                )
            where = f'{self.ann_file}, data_list[{number}] ({path})'
            indices = label if isinstance(label, (list, tuple)) else [label]
            for value in indices:
                if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < len(names):
                    raise ValueError(f'Expected a gt_label in [0, {len(names) - 1}] in {where}, but got {value!r}.')
            rows.append((path, [names[value] for value in indices], where))
        return rows, names

    def _read_csv_labels(self) -> tuple[list[tuple[str, list[str], str]], list[str]]:
        try:
            return self._parse_csv_labels()
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f'Expected a CSV file in UTF-8 in {self.ann_file}, but {error}.') from error

    def _parse_csv_labels(self) -> tuple[list[tuple[str, list[str], str]], list[str]]:
        rows = []
        with open(self.ann_file, encoding='utf-8-sig', newline='') as handle:
            reader = csv.reader(handle)
            header = next(reader, [])
            if len(header) < 2:
                raise ValueError(f'Expected a header "path,label" in {self.ann_file}, but got {",".join(header)!r}.')
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                where = f'{self.ann_file}, line {reader.line_num}'
                if len(cells) != 2 or not cells[0].strip():
                    raise ValueError(f'Expected "path,label[;label]" in {where}, but got {",".join(cells)!r}.')
                labels = [name.strip() for name in cells[1].split(';') if name.strip()]
                rows.append((cells[0], labels, where))
        return rows, sorted({name for _, labels, _ in rows for name in labels})

    def _item(self, path: str, labels: Iterable[str], index: dict[str, int], where: str) -> dict:
        wanted = [name for name in labels if name not in self.negative_classes]
        for name in wanted:
            if name not in index:
                raise ValueError(
                    f'Expected a class of {list(index)} or a negative of {list(self.negative_classes)} in {where}, '
                    f'but got {name!r}.'
                )
        gt_label = np.unique(np.array([index[name] for name in wanted], np.int64))
        gt_score = np.zeros(len(index), np.float32)
        gt_score[gt_label] = 1
        item = {
            'img_path': osp.join(self.data_prefix['img_path'], path),
            'gt_label': gt_label,
            'gt_score': gt_score,
        }
        if self.gives_masks:
            for key in ('seg_map_path', 'context_path'):
                if self.data_prefix.get(key):
                    item[key] = osp.join(self.data_prefix[key], osp.splitext(path)[0] + self.mask_suffix)
        return item

    def _check_training_set(self, data_list: list[dict], source: str) -> None:
        if not any(item['gt_label'].size for item in data_list):
            raise ValueError(
                f'Expected at least one image with a class in {source}, but all {len(data_list)} are bare.'
            )
        if not self.check_files:
            return
        bad = [reason for item in data_list if (reason := check_picture(item['img_path']))]
        if bad:
            named = '\n  '.join(bad[:_BAD_FILES_NAMED])
            raise ValueError(f'{len(bad)} of {len(data_list)} images of {source} cannot be read, first:\n  {named}')

    def get_cat_ids(self, idx: int) -> list[int]:
        """Class indices of one image; empty for a negative."""
        return self.get_data_info(idx)['gt_label'].tolist()
