"""Image-level labels from JSON, CSV or class folders, as rows that name their file and line.

What is understood beyond the plain forms (see :class:`~mmwsss.datasets.ImageLabelDataset`), and said in ``notes``:

* a byte-order mark, ``.JSON`` and ``.CSV``, tabs or semicolons between columns, backslashes in paths;
* a CSV without a header: its first row names a picture;
* a CSV whose labels are all ``0`` or ``1`` (``no`` or ``yes``, ``false`` or ``true``): 1 is the one class (named by
  ``classes``, else by the header's word, else ``1``), 0 is none;
* columns ``votes_for,votes_against`` or ``probability`` behind the label; see :mod:`mmwsss.datasets.votes`;
* JSON labels as names, and one-hot lists (all of the length of the classes, with a value that repeats).
"""

from __future__ import annotations

import csv
import os.path as osp
from collections.abc import Sequence

from mmwsss.datasets.csv_labels import read_csv_labels
from mmwsss.datasets.json_labels import read_json_labels
from mmwsss.datasets.label_table import LabelTable
from mmwsss.utils.errors import InputError, MissingFileError


def read_label_file(path: str, folder: str, classes: Sequence[str] = (), negatives: Sequence[str] = ()) -> LabelTable:
    """Rows of a ``.json``, ``.csv`` or ``.tsv`` file.

    Args:
        path: The file.
        folder: The image folder, to tell a header from a picture's row.
        classes: Names that the user gave.
        negatives: Names that mean "no class".

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no label file, or a row is wrong; names file and line.
    """
    if not osp.isfile(path):
        raise MissingFileError(f'Expected a label file (.json or .csv), but there is no {path}.')
    suffix = osp.splitext(path)[1].lower()
    if suffix == '.json':
        return read_json_labels(path)
    if suffix in ('.csv', '.tsv'):
        try:
            return read_csv_labels(path, folder, classes, negatives)
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f'Expected a CSV file in UTF-8 in {path}, but {error}.') from error
    raise InputError(f'Expected a label file that ends in .json or .csv, but got {path}.')
