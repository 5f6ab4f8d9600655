"""Labels that are probably wrong, a page to judge them on, and the answers back in a CSV."""

from __future__ import annotations

import csv
import os.path as osp
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmwsss.apis.judge import Encoder
from mmwsss.datasets.groups import Grouping
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.datasets.pictures import read_picture
from mmwsss.datasets.votes import probability_of
from mmwsss.evaluation.suspects import Suspects, find_suspects
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.utils.files import atomic_write, path_below
from mmwsss.visualization.kept_maps import shrink
from mmwsss.visualization.page import data_address, write_page

ANSWERS = ('right', 'wrong', 'unsure')
"""What a person can say of a label."""
VOTES = {'right': (4, 0), 'wrong': (0, 4), 'unsure': (1, 1)}
"""Votes for and against that an answer adds to the label's own: whoever is asked of one image looks harder."""
_SIDE, _QUALITY = 256, 82


def image_labels(dataset: ImageDataset) -> np.ndarray:
    """Labels of a data set: bool (N, K)."""
    number = len(dataset.metainfo['classes'])
    table = np.zeros((len(dataset), number), bool)
    for index in range(len(dataset)):
        table[index, dataset.get_data_info(index)['gt_label']] = True
    return table


def label_suspects(
    dataset: ImageDataset,
    grouping: Grouping | None = None,
    encoder: Encoder | None = None,
    folds: int = 5,
    seed: int = 0,
) -> Suspects:
    """Doubt the labels of a data set, by features of a network that never saw them.

    Args:
        dataset: Images with labels.
        grouping: What a block is; images of one block are never on both sides. By default a folder, unless folders are
            the labels (a sub-folder a class): then every image is a block, with a warning.
        encoder: By default ImageNet's EfficientNet-Lite0.
        folds: Number of folds.
        seed: Of the folds.

    Raises:
        ValueError: If there are fewer blocks than folds, or a class that all images show or none.
        ImportError: If the default encoder's packages are missing, with the install line.
    """
    indices = range(len(dataset))
    paths = [dataset.get_data_info(index)['img_path'] for index in indices]
    labels = image_labels(dataset)
    blocks = _blocks(paths, labels, grouping or Grouping())
    features = (encoder or Encoder()).of_dataset(dataset, indices)
    return find_suspects(features, labels, blocks, folds, seed=seed)


def _blocks(paths: Sequence[str], labels: np.ndarray, grouping: Grouping) -> list[str]:
    """The block of each image; folders that only repeat the labels are none."""
    blocks = [group.block for group in grouping.all(paths)]
    if grouping.table is not None or grouping.pattern is not None:
        return blocks
    shown: dict[str, set[tuple[bool, ...]]] = {}
    for block, row in zip(blocks, labels.tolist()):
        shown.setdefault(block, set()).add(tuple(row))
    with_class = [next(iter(rows)) for rows in shown.values() if len(rows) == 1 and any(next(iter(rows)))]
    if any(len(rows) > 1 for rows in shown.values()) or len(set(with_class)) < len(with_class):
        return blocks
    warnings.warn(
        'Folders are the labels here, not days of a camera: every image is a block of its own, so that another image '
        'of the same minute can vouch for a wrong label. Say by blocks what repeats itself.',
        stacklevel=3,
    )
    return list(paths)


def suspect_rows(dataset: ImageDataset, suspects: Suspects, limit: int) -> list[dict[str, Any]]:
    """The most doubtful images.

    Returns:
        list: dicts of ``path`` (below the image folder), ``img_path``, ``label`` (names, joined by ``;``), ``doubt``,
        ``suggested`` (what the others say) and ``suspected``.
    """
    classes, root = list(dataset.metainfo['classes']), dataset.metainfo.get('image_root') or '.'
    rows = []
    for index in suspects.ranked()[:limit]:
        info = dataset.get_data_info(index)
        shown = set(info['gt_label'].tolist())
        other = shown ^ {int(suspects.class_index[index])}
        rows.append(
            {
                'path': path_below(info['img_path'], root),
                'img_path': info['img_path'],
                'label': _names(shown, classes),
                'suggested': _names(other, classes),
                'doubt': float(suspects.doubt[index]),
                'suspected': bool(suspects.suspected[index]),
            }
        )
    return rows


def _names(shown: set[int], classes: Sequence[str]) -> str:
    return ';'.join(classes[index] for index in sorted(shown))


def write_suspects(rows: Sequence[Mapping[str, Any]], out: str | Path) -> None:
    """Write ``suspects.csv`` and ``suspects.html``, a page of pictures and three buttons each, to a folder.

    Args:
        rows: Of :func:`suspect_rows`.
        out: The folder.
    """
    with atomic_write(Path(out) / 'suspects.csv') as handle:
        writer = csv.writer(handle, lineterminator='\n')
        writer.writerow(['path', 'label', 'suggested', 'doubt', 'suspected'])
        for row in rows:
            writer.writerow([row['path'], row['label'], row['suggested'], f'{row["doubt"]:.4f}', int(row['suspected'])])
    pictures = [
        {
            **{key: row[key] for key in ('path', 'label', 'suggested', 'doubt')},
            'picture': data_address(shrink(read_picture(row['img_path']), _SIDE), _QUALITY),
        }
        for row in rows
    ]
    write_page(
        Path(out) / 'suspects.html', 'suspects.html', [row['path'] for row in rows], ('page.css',), ('suspects.js',),
        rows=pictures, answers=ANSWERS,
    )  # fmt: skip


def read_answers(path: str | Path) -> dict[str, str]:
    """Answers by path of an image, from the CSV (``path,answer``) that the page gives.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a row is no answer, or a picture has two; names the line.
    """
    if not osp.isfile(path):
        raise MissingFileError(f'Expected answers (path,answer) in {path}, but there is no such file.')
    found: dict[str, str] = {}
    with open(path, encoding='utf-8-sig', newline='') as handle:
        reader = csv.DictReader(handle)
        if not {'path', 'answer'} <= set(reader.fieldnames or ()):
            raise InputError(f'Expected the columns path and answer in {path}, but got {reader.fieldnames}.')
        for row in reader:
            name, answer = row['path'] or '', (row['answer'] or '').strip()
            if answer not in ANSWERS or not name:
                raise InputError(f'Expected path and one of {list(ANSWERS)} in {path}, line {reader.line_num}: {row}.')
            if found.setdefault(name, answer) != answer:
                raise InputError(f'Expected one answer on {name} in {path}, but got {found[name]!r} and {answer!r}.')
    return found


def write_answered_labels(dataset: ImageDataset, answers: Mapping[str, str], out: str | Path) -> dict[str, int]:
    """Write the labels of a data set as a CSV with votes: ``path,label,votes_for,votes_against``.

    An image without an answer keeps its label, votes and doubts. An answer adds the votes of :data:`VOTES` to those
    that stand there, or to the one vote of whoever labelled the image: such a label that is called wrong is read as its
    opposite. No image is ever left out. Data with probabilities get a ``probability`` in the place of votes; one stands
    for two votes, shared out as it says.

    Args:
        dataset: The images; it reads the new file in the place of its own label file.
        answers: By path below the image folder.
        out: The CSV.

    Returns:
        dict: number of ``images`` and of answers of each kind.

    Raises:
        ValueError: If an answer is on an image that is not there.
    """
    classes, root = list(dataset.metainfo['classes']), dataset.metainfo.get('image_root') or '.'
    rows, left = [], dict(answers)
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    votes = not any(len(info.get('doubt', ())) == 1 for info in infos)
    for info in infos:
        path = path_below(info['img_path'], root)
        answer = left.pop(path, None)
        if answer == 'wrong' and not info['gt_label'].size and len(classes) > 1:
            raise InputError(
                f'Expected a label that says which of {classes} is on {path}: write it into the label file by hand.'
            )
        written = set(info.get('written_label', info['gt_label']).tolist())
        rows.append([path, _names(written, classes), *_answered(info, written, answer, votes)])
    if left:
        raise InputError(f'Expected answers on images of the data set, but {next(iter(left))} is none of them.')
    with atomic_write(out) as handle:
        writer = csv.writer(handle, lineterminator='\n')
        columns = ('votes_for', 'votes_against') if votes else ('probability',)
        writer.writerows([['path', 'label', *columns], *rows])
    counts = {answer: sum(given == answer for given in answers.values()) for answer in ANSWERS}
    return {'images': len(rows), **counts}


def _answered(info: Mapping[str, Any], written: set[int], answer: str | None, votes: bool) -> tuple[Any, ...]:
    """The cells behind path and label: what stood there, and the answer, which is on the label as it is read."""
    doubt = tuple(f'{value:g}' for value in info.get('doubt', ()))
    if answer is None:
        return doubt or (('', '') if votes else ('',))
    added = VOTES[answer] if written == set(info['gt_label'].tolist()) else VOTES[answer][::-1]
    if votes:
        own = info.get('doubt') or (1, 0)
        return tuple(f'{old + new:g}' for old, new in zip(own, added))
    (probability,) = info.get('doubt') or (probability_of(1, 0),)
    return (f'{(2 * probability + added[0]) / (2 + sum(added)):.4g}',)
