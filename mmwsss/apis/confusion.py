"""The confusion matrix of a segmentor on its test set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config

from mmwsss.apis.training import test
from mmwsss.utils.errors import InputError
from mmwsss.visualization.report_tables import confusion_table


def segmentor_confusion(
    cfg: Config, checkpoint: str | Path, work_dir: str | Path | None = None
) -> tuple[list[str], np.ndarray]:
    """Run the test loop of a segmentor and count pixels by true and by predicted class.

    Args:
        cfg: A training config of a segmentor; its test set has masks.
        checkpoint: The weights.
        work_dir: For the log; see :func:`~mmwsss.apis.training.prepare`.

    Returns:
        tuple: names of the K classes without the background, and int64 (K + 1, K + 2): see
        :func:`~mmwsss.evaluation.confusion_matrix`.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        ValueError: If the config is no segmentor's, or has no test set.
    """
    if cfg.get('kind') != 'segmentor':
        raise InputError(f"Expected a config of kind 'segmentor', but {cfg.filename} is of kind {cfg.get('kind')!r}.")
    cfg.test_evaluator = {'type': 'mmwsss.ConfusionMetric'}
    found = test(cfg, checkpoint, work_dir, quiet=True)
    return found['classes'][1:], np.array(found['matrix'])


def markdown_table(classes: Sequence[str], matrix: np.ndarray) -> str:
    """A Markdown table of the matrix: of the pixels of each true class (row), per cent given each class (column).

    Args:
        classes: Names of the K classes.
        matrix: See :func:`segmentor_confusion`.
    """
    table = confusion_table(matrix, classes)
    lines = ['| true | pixels | ' + ' | '.join(table['columns']) + ' |', '|---' * (len(table['columns']) + 2) + '|']
    for row in table['rows']:
        shares = ' | '.join(f'{100 * share:.1f}' for share in row['shares'])
        lines.append(f'| {row["name"]} | {row["pixels"]:,} | {shares} |')
    return '\n'.join(lines)


def draw_confusion(classes: Sequence[str], matrix: np.ndarray, path: str | Path) -> None:
    """Draw the matrix in per cent of each true class, by MMPretrain's own plot.

    Args:
        classes: Names of the K classes.
        matrix: See :func:`segmentor_confusion`; the column of open pixels is left out.
        path: Picture to write.
    """
    from mmpretrain.evaluation import ConfusionMatrix

    square = torch.as_tensor(matrix[:, : len(matrix)], dtype=torch.float32)
    shares = (100 * square / square.sum(1, keepdim=True).clamp(min=1)).round().long()  # it prints whole numbers
    names = ['background', *classes]
    figure = ConfusionMatrix.plot(shares, show=False, classes=names, include_values=len(names) <= 10)
    figure.savefig(path)
