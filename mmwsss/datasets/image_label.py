"""Images that carry image-level labels only."""

from __future__ import annotations

import os.path as osp
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset

from mmwsss.datasets.class_folders import read_class_folders
from mmwsss.datasets.label_file import read_label_file
from mmwsss.datasets.label_rows import join_rows
from mmwsss.datasets.label_table import LabelRow, LabelTable
from mmwsss.datasets.mask_sample import check_mask_sample
from mmwsss.datasets.masks import parse_mask_values
from mmwsss.datasets.metainfo import palette
from mmwsss.datasets.outside import Outside
from mmwsss.datasets.pictures import check_picture
from mmwsss.datasets.spelling import names_of, plain_negatives, spelling
from mmwsss.registry import DATASETS
from mmwsss.utils.errors import InputError

_BAD_FILES_NAMED = 5


@DATASETS.register_module()
class ImageLabelDataset(BaseDataset):
    """A folder of images, each with the names of the classes that it shows.

    The labels come from

    * a ``.json`` file in MMPretrain's form: ``{"metainfo": {"classes": [...]}, "data_list": [{"img_path": ...,
      "gt_label": index or [indices]}]}``;
    * a ``.csv`` file with a header and the columns path and label (names, several joined by ``;``, none for an image
      without any class), and where people voted on the label or doubt it, ``votes_for,votes_against`` or
      ``probability``: how probable it is that the label is right;
    * or, without ``ann_file``, one sub-folder a class.

    What else is understood is in :mod:`mmwsss.datasets.label_file`, how names are compared in
    :mod:`mmwsss.datasets.spelling`. Rows of one picture that agree or add are joined, those that contradict are
    refused. Pictures outside the image folder are refused by one rule; see :mod:`mmwsss.datasets.outside`.

    An image without any class is a negative: it trains and it gets an all-background mask. A data set that gives such
    images a class of their own ("clear") names it in ``negative_classes``; it then is no class of the metainfo. Names
    that can only mean that ("no_smoke" beside "smoke", "none") need not be named: they are negatives unless ``classes``
    names them; see :func:`~mmwsss.datasets.spelling.plain_negatives`.

    Every item has ``gt_label``, int64 class indices (n,) of what is at least as probable as not, and ``gt_score``, the
    multi-hot float32 vector (K,); of a training set it is the target of the loss, with the probabilities of labels that
    were voted on or doubted (:func:`~mmwsss.datasets.votes.probability_of`). Masks
    are for evaluation alone: their paths are in an item only when ``test_mode`` is on. ``refused`` says of an item why
    its image must not be read.

    Args:
        ann_file: Label file, relative to ``data_root``; empty for class sub-folders.
        data_root: Root of ``ann_file`` and ``data_prefix``.
        data_prefix: ``img_path`` (or a plain string), and optionally ``seg_map_path`` (masks: 0 background,
            k + 1 class k) and ``context_path`` (masks of what the class co-occurs with, non-zero where it is).
        classes: Names that count, in order; by default those of the label file or folders, sorted where the file
            gives no order. A text is one name.
        negative_classes: Names that mean "none of the classes". A text is one name.
        mask_suffix: Suffix of mask files, which otherwise share their image's name (with the image's suffix before it
            where two images differ in that alone).
        check_files: Look at every file when a training set is built (header and end of file, not the pixels).
        context_by_class: Context masks have value k + 1 on what class k co-occurs with.
        mask_values: How masks with other values are read; see :mod:`mmwsss.datasets.masks`.
        follow_links: Also read images that are links to somewhere outside the image folder, and go into class folders
            that are links.
        **kwargs: Of :class:`mmpretrain.datasets.BaseDataset`.

    Attributes:
        notes: What of the labels was understood, joined or left out.
        negative_classes: Names that mean "none of the classes", those that were not named included.
        table: The rows of the label file or the folders, and what a scan left out.

    Raises:
        FileNotFoundError: If the label file or folder is missing.
        ValueError: If a label is no class, rows contradict, the set is empty, masks have other values than they should,
            or a training set has unreadable images or no positive.
    """

    def __init__(
        self,
        ann_file: str = '',
        data_root: str = '',
        data_prefix: str | dict = '',
        classes: str | Sequence[str] | None = None,
        negative_classes: str | Sequence[str] = (),
        mask_suffix: str = '.png',
        check_files: bool = True,
        context_by_class: bool = False,
        mask_values: Mapping[Any, Any] | Sequence[int] | None = None,
        follow_links: bool = False,
        **kwargs: Any,
    ) -> None:
        self.context_by_class = context_by_class
        self.negative_classes = names_of(negative_classes, 'negative_classes')
        self.mask_suffix = mask_suffix
        self.check_files = check_files
        self.mask_values = mask_values
        self.follow_links = follow_links
        self.notes: list[str] = []
        self.table: LabelTable | None = None
        given = names_of(classes, 'classes') or None
        super().__init__(ann_file=ann_file, data_root=data_root, data_prefix=data_prefix, classes=given, **kwargs)

    @property
    def gives_masks(self) -> bool:
        """Whether items name their masks: to test, never to train."""
        return self.test_mode

    def load_data_list(self) -> list[dict]:
        """Read the label file or the folders, and check every label and, to train, every file."""
        table = self.table = self._read_table()
        self._add_plain_negatives(table)
        classes = self._choose_classes(table)
        if not table.rows:
            left_out = ' '.join(f'{line}.' for line in (table.scan.notes() if table.scan else []))
            raise InputError(f'Expected at least one image in {table.source}, but got none. {left_out}'.rstrip())
        negatives = {spelling(name) for name in self.negative_classes}
        rows, joined = join_rows(table.rows, negatives)
        self.notes = [*table.notes, *joined]
        root = self._image_root(rows)
        self._metainfo['classes'] = classes
        self._metainfo.setdefault('palette', palette(len(classes)))
        self._metainfo['context_by_class'] = self.context_by_class
        self._metainfo['image_root'] = root
        index = {spelling(name): number for number, name in enumerate(classes)}
        data_list = [self._item(row, index, negatives) for row in rows]
        outside = Outside(root, self.follow_links)
        for item in data_list:
            reason = outside.refusal(item['img_path'])
            if reason is not None:
                item['refused'] = reason
        if self.gives_masks:
            self._add_masks(data_list, rows)
        if not self.test_mode:
            self._check_training_set(data_list, table.source)
            for note in self.notes:
                warnings.warn(f'{table.source}: {note}.', stacklevel=2)
        return data_list

    def _read_table(self) -> LabelTable:
        folder = self.data_prefix['img_path']
        given = self._metainfo.get('classes') or ()
        if not self.ann_file:
            return read_class_folders(folder, given, self.follow_links)
        return read_label_file(self.ann_file, folder, given, self.negative_classes)

    def _add_plain_negatives(self, table: LabelTable) -> None:
        """Names that can only mean "no class" join those that the user named."""
        given = names_of(self._metainfo.get('classes'), 'classes')
        own = {spelling(name) for name in (*given, *self.negative_classes)}
        found = [name for name in plain_negatives((*table.names, *given)) if spelling(name) not in own]
        if not found or len(found) == len(table.names):
            return
        self.negative_classes += tuple(found)
        table.notes.append(
            f'{", ".join(map(repr, found))} read as "no class"; a name in classes is a class, whatever it is called'
        )

    def _choose_classes(self, table: LabelTable) -> tuple[str, ...]:
        """Names that count; none of them may mean "no class"."""
        negatives = {spelling(name) for name in self.negative_classes}
        given = names_of(self._metainfo.get('classes'), 'classes')
        both = [name for name in given if spelling(name) in negatives]
        if both:
            raise InputError(f'Expected no name in both classes and negative_classes, but got {both[0]!r} in both.')
        classes = given or tuple(name for name in table.names if spelling(name) not in negatives)
        if not classes:
            raise InputError(
                f'Expected at least one class in {table.source}, but got none beside {self.negative_classes}.'
            )
        return classes

    def _image_root(self, rows: Sequence[LabelRow]) -> str:
        """The folder of the images; where none was named and paths are absolute, the one that holds them all."""
        folder = self.data_prefix['img_path']
        if not folder and rows and all(osp.isabs(row.path) for row in rows):
            return osp.commonpath([osp.dirname(osp.normpath(row.path)) for row in rows])
        return osp.abspath(folder or '.')

    def _item(self, row: LabelRow, index: Mapping[str, int], negatives: Iterable[str]) -> dict:
        wanted = [name for name in row.labels if spelling(name) not in negatives]
        for name in wanted:
            if spelling(name) not in index:
                raise InputError(
                    f'Expected a class of {list(self._metainfo["classes"])} or a negative of '
                    f'{list(self.negative_classes)} in {row.where}, but got {name!r}.'
                )
        gt_label = np.unique(np.array([index[spelling(name)] for name in wanted], np.int64))
        target = np.zeros(len(index), np.float32)
        target[gt_label] = 1
        written = gt_label
        if row.probability is not None:
            target = self._doubted(target, row)
            gt_label = np.flatnonzero(target >= 0.5)
        gt_score = np.zeros_like(target)
        gt_score[gt_label] = 1
        item = {
            'img_path': osp.join(self.data_prefix['img_path'], row.path),
            'gt_label': gt_label,
            'gt_score': gt_score if self.test_mode else target,  # figures and maps know yes and no alone
        }
        return {**item, 'written_label': written, 'doubt': row.doubt} if row.doubt else item

    def _doubted(self, target: np.ndarray, row: LabelRow) -> np.ndarray:
        """Probabilities (K,) of the classes, where those of ``target`` are right with ``row.probability``."""
        probability = np.float32(row.probability)
        if target.any():
            return target * probability
        if len(target) > 1 and probability < 0.5:
            raise InputError(
                f'Expected a label that says which class is there in {row.where}, but its votes only say that there is '
                'one.'
            )
        return np.full_like(target, (1 - probability) / len(target))

    def _add_masks(self, data_list: list[dict], rows: Sequence[LabelRow]) -> None:
        """Paths of the masks, how they are read, and a look at some of them."""
        values = parse_mask_values(self.mask_values, len(self._metainfo['classes']))
        stems = Counter(osp.splitext(row.path)[0] for row in rows)
        for item, row in zip(data_list, rows):
            stem = osp.splitext(row.path)[0]
            for key in ('seg_map_path', 'context_path'):
                if self.data_prefix.get(key):
                    path = osp.join(self.data_prefix[key], stem + self.mask_suffix)
                    long_name = osp.join(self.data_prefix[key], row.path + self.mask_suffix)
                    item[key] = long_name if stems[stem] > 1 and osp.isfile(long_name) else path
            if values is not None and 'seg_map_path' in item:
                item['mask_values'] = values
        if self.data_prefix.get('seg_map_path'):
            check_mask_sample(data_list, len(self._metainfo['classes']), self.data_prefix['seg_map_path'])

    def _check_training_set(self, data_list: list[dict], source: str) -> None:
        if not any(item['gt_label'].size for item in data_list):
            raise InputError(
                f'Expected at least one image with a class in {source}, but all {len(data_list)} are bare.'
            )
        bad = [item['refused'] for item in data_list if 'refused' in item]
        if self.check_files:
            bad += [
                reason for item in data_list if 'refused' not in item and (reason := check_picture(item['img_path']))
            ]
        if bad:
            named = '\n  '.join(bad[:_BAD_FILES_NAMED])
            raise InputError(f'{len(bad)} of {len(data_list)} images of {source} cannot be read, first:\n  {named}')

    def get_cat_ids(self, idx: int) -> list[int]:
        """Class indices of one image; empty for a negative."""
        return self.get_data_info(idx)['gt_label'].tolist()
