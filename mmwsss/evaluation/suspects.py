"""Which image labels are probably wrong: what others, learned without an image, say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmwsss.evaluation.logistic import fit_logistic
from mmwsss.utils.errors import InputError


@dataclass(frozen=True)
class Suspects:
    """How much each label is to be doubted.

    Attributes:
        probability: float (N, K), out-of-fold probabilities of the classes.
        doubt: float (N,) in [0, 1]: 1 minus the probability of the label as it stands, the largest over the classes.
        class_index: int64 (N,), the class of that largest doubt.
        suspected: bool (N,), whether the label is an off-diagonal one of confident learning.
        fold: int64 (N,), the fold in which the image was left out.
    """

    probability: np.ndarray
    doubt: np.ndarray
    class_index: np.ndarray
    suspected: np.ndarray
    fold: np.ndarray

    def ranked(self) -> list[int]:
        """Indices of the images, the most doubtful first."""
        return np.argsort(-self.doubt, kind='stable').tolist()


def folds_of(blocks: Sequence[str], number: int, seed: int = 0) -> np.ndarray:
    """A fold for each image: all images of a block are in one, and folds are about equally large.

    Args:
        blocks: The block (photo, camera-day) of each image.
        number: Number of folds.
        seed: Of the order in which blocks are dealt out.

    Raises:
        ValueError: If there are fewer blocks than folds, or fewer than two folds.
    """
    names, member, counts = np.unique(np.asarray(blocks), return_inverse=True, return_counts=True)
    if not 2 <= number <= len(names):
        raise InputError(f'Expected from 2 folds to one a block ({len(names)} blocks), but got {number}.')
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order], kind='stable')]
    fold_of_block, sizes = np.zeros(len(names), np.int64), np.zeros(number, np.int64)
    for block in order:
        fold_of_block[block] = int(sizes.argmin())
        sizes[sizes.argmin()] += counts[block]
    return fold_of_block[member]


def find_suspects(
    features: np.ndarray, labels: np.ndarray, blocks: Sequence[str], folds: int = 5, decay: float = 0.1, seed: int = 0
) -> Suspects:
    r"""Cross-validate a regression on features of a frozen network, and compare each label with it.

    Images of one block are alike and never on both sides. The doubt is 1 minus the self-confidence of confident
    learning (Northcutt, Jiang and Chuang, JAIR 2021); a label is ``suspected`` where the other class's probability is
    at least the mean of those who have that label, :math:`p_{\bar y} \ge t_{\bar y}`, and larger than its own.

    Args:
        features: float (N, D).
        labels: bool (N, K).
        blocks: Block of each image.
        folds: Number of folds.
        decay: See :func:`~mmwsss.evaluation.logistic.fit_logistic`.
        seed: Of the folds.

    Raises:
        ValueError: If there are fewer blocks than folds, or a class that all images show or none.
    """
    labels = np.asarray(labels, bool)
    alike = labels.all(0) | ~labels.any(0)
    if alike.any():
        raise InputError(
            f'Expected images with and without each class to compare labels, but class {int(alike.argmax())} is on '
            'all of them or on none.'
        )
    fold = folds_of(blocks, folds, seed)
    probability = np.zeros(labels.shape)
    for number in range(folds):
        out = fold == number
        for index in range(labels.shape[1]):
            target = labels[~out, index].astype(float)
            if 0 < target.mean() < 1:
                probability[out, index] = fit_logistic(features[~out], target, decay=decay).probability(features[out])
            else:
                probability[out, index] = target.mean()
    own = np.where(labels, probability, 1 - probability)
    other, suspected = 1 - own, np.zeros(len(labels), bool)
    for index in range(labels.shape[1]):
        has = labels[:, index]
        sure = np.where(has, own[~has, index].mean(), own[has, index].mean())  # of those with the other label
        suspected |= (other[:, index] >= sure) & (other[:, index] > own[:, index])
    return Suspects(probability, other.max(1), other.argmax(1), suspected, fold)
