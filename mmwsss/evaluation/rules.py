r"""Rules that choose a threshold, and a candidate among several, from image labels alone.

Every rule gives a candidate a curve over :data:`~mmwsss.evaluation.evidence.THRESHOLDS`, the higher the better; the
choice is the highest point of all curves. A rule in two steps takes each candidate's threshold from one curve, and
compares the candidates, each at its threshold, by another.

Notation: a real frame i has the mask :math:`M_i(t) = \{s_i > t\}` with the share of pixels :math:`A_i(t)`; P are the
frames whose label has the class, N those whose label has it not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from mmwsss.evaluation.composite_figures import composites_iou
from mmwsss.evaluation.evidence import THRESHOLDS, Evidence, FrameCurves
from mmwsss.evaluation.label_posterior import background_share
from mmwsss.utils.errors import InputError, UnknownNameError

_TINY = 1e-12


@dataclass(frozen=True)
class Rule:
    """One way to choose.

    Attributes:
        name: What it is called.
        curve: From evidence to float (T,); NaN where it says nothing.
        needs: Parts of the evidence that it needs: ``'negatives'``, ``'composites'``, ``'views'``, ``'erased'``.
        ranking: The curve by which candidates are compared, each at the threshold that ``curve`` gives it; None: by
            ``curve`` itself.
    """

    name: str
    curve: Callable[[Evidence], np.ndarray]
    needs: tuple[str, ...] = ()
    ranking: Callable[[Evidence], np.ndarray] | None = None


def _by_class(frames: FrameCurves, of_class: Callable[[FrameCurves, FrameCurves], np.ndarray]) -> np.ndarray:
    """Mean over the classes that some frame shows of a curve of its rows in P and in N."""
    curves = []
    for index in np.unique(frames.classes[frames.positive]):
        rows = frames.classes == index
        curves.append(of_class(frames.only(rows & frames.positive), frames.only(rows & ~frames.positive)))
    if not curves:
        raise InputError('Expected a frame that shows a class to choose by, but got none.')
    return np.mean(curves, axis=0)


def image_labels(frames: FrameCurves) -> np.ndarray:
    r"""How well the size of a mask tells P from N: the area under the ROC curve of :math:`A_i(t)`.

    .. math:: \frac{1}{|P| |N|} \sum_{i \in P, j \in N} [A_i(t) > A_j(t)] + \tfrac12 [A_i(t) = A_j(t)]

    Masks that are too large cover negatives too, masks that are too small are empty in both, and either lowers it; no
    size of plume has to be known. Blind to shape, and to a confounder that comes with the class. Source: the statistic
    of Mann and Whitney (1947) on the masks' areas; its use here is this project's.
    """

    def of_class(positive: FrameCurves, negative: FrameCurves) -> np.ndarray:
        if not len(negative):
            return np.full(len(THRESHOLDS), np.nan)
        areas = np.concatenate([positive.area, negative.area])
        ranks = rankdata(areas, axis=0)[: len(positive)].sum(0)
        number = len(positive)
        return (ranks - number * (number + 1) / 2) / (number * len(negative))

    return _by_class(frames, of_class)


def own_probabilities(frames: FrameCurves) -> np.ndarray:
    r"""Expected IoU of the set of P where the scores are taken for calibrated probabilities.

    .. math:: \sum_{s > t} s \,\Big/\, \Big(\sum_{s > t} 1 + \sum_{s \le t} s\Big)

    over the pixels of P. Its highest point is where the score equals IoU / (1 + IoU), as for the F measure (Lipton,
    Elkan and Narayanaswamy, "Optimal Thresholding of Classifiers to Maximize F1 Measure", 2014). A network that was
    trained on composites alone is overconfident there and underconfident on real smoke.
    """

    def of_class(positive: FrameCurves, _: FrameCurves) -> np.ndarray:
        mass = positive.mass.sum(0)
        return mass / np.maximum(positive.area.sum(0) + positive.total.sum() - mass, _TINY)

    return _by_class(frames, of_class)


def positive_unlabelled(frames: FrameCurves) -> np.ndarray:
    r"""Expected IoU of the set of P where its background scores as the negatives do.

    With F(t) and G(t) the shares of pixels above t in P and in N, P is a mixture: a share c of background with G
    (:func:`~mmwsss.evaluation.label_posterior.background_share`), the rest smoke. The smoke above t is
    :math:`F(t) - c\,G(t)`, so that

    .. math:: IoU(t) = \frac{F - cG}{F + (1 - c) - (F - cG)}

    Background near smoke scores higher than smoke-free frames do, so that c comes out too small and the threshold too
    low.
    """

    def of_class(positive: FrameCurves, negative: FrameCurves) -> np.ndarray:
        if not len(negative):
            return np.full(len(THRESHOLDS), np.nan)
        above, alarms = positive.area.mean(0), negative.area.mean(0)
        share = background_share(1 - above, 1 - alarms)
        hits = np.clip(above - share * alarms, 0, 1 - share)
        return hits / np.maximum(above + 1 - share - hits, _TINY)

    return _by_class(frames, of_class)


def negatives_share(frames: FrameCurves, share: float) -> np.ndarray:
    r"""Highest at the smallest threshold with at most a share of the pixels of N above it, less the farther from it.

    .. math:: \bar A_P(t^*) - |t - t^*|, \quad t^* = \min\{t : \bar A_N(t) \le \text{share}\}

    with :math:`\bar A_P` and :math:`\bar A_N` the mean shares of marked pixels in P and N. Matched false alarms: every
    network is cut where it alarms alike, and between networks it prefers the one that finds more in P at that point
    (the criterion of Neyman and Pearson, with marked pixels of P in the place of hits).
    """

    def of_class(positive: FrameCurves, negative: FrameCurves) -> np.ndarray:
        alarms = negative.area.mean(0) if len(negative) else np.zeros(len(THRESHOLDS))
        first = min(int((alarms > share).sum()), len(THRESHOLDS) - 1)
        return positive.area.mean(0)[first] - np.abs(THRESHOLDS - THRESHOLDS[first])

    return _by_class(frames, of_class)


def otsu(frames: FrameCurves) -> np.ndarray:
    r"""Variance between the two classes of pixels that a threshold makes in P, divided by the whole variance.

    :math:`w_0 w_1 (\mu_0 - \mu_1)^2 / \sigma^2` (Otsu, 1979), from the shares between thresholds.
    """

    def of_class(positive: FrameCurves, _: FrameCurves) -> np.ndarray:
        above, mass, mean = positive.area.mean(0), positive.mass.mean(0), float(positive.total.mean())
        below = np.maximum(1 - above, _TINY)
        gap = mass / np.maximum(above, _TINY) - (mean - mass) / below
        centres = np.concatenate([[0.005], (THRESHOLDS[1:] + THRESHOLDS[:-1]) / 2, [0.995]])
        shares = -np.diff(np.concatenate([[1.0], above, [0.0]]))
        variance = float((shares * (centres - mean) ** 2).sum())
        return above * below * gap**2 / max(variance, _TINY)

    return _by_class(frames, of_class)


def view_agreement(frames: FrameCurves) -> np.ndarray:
    r"""IoU of the masks of two views of P, :math:`\sum |M \cap M'| / \sum |M \cup M'|`.

    The views are the frame and its mirror image, or the frame as another network sees it. Consistency ranks networks
    well (arXiv 2503.00450), and thresholds badly: empty masks and full ones agree. Here an empty union counts as 0.
    """

    def of_class(positive: FrameCurves, _: FrameCurves) -> np.ndarray:
        if not positive.both.shape[1]:
            return np.full(len(THRESHOLDS), np.nan)
        either = positive.either.sum(0)
        return np.where(either > 0, positive.both.sum(0) / np.maximum(either, _TINY), 0.0)

    return _by_class(frames, of_class)


def erase_and_keep(evidence: Evidence) -> np.ndarray:
    """What a judge of images said of frames with the mask erased and of the mask alone.

    ``J(keep M) - J(erase M)``, mean over P, minus the same with M moved elsewhere; see
    :func:`mmwsss.apis.judge.erase_and_keep`, which asks it at some thresholds. Between them the curve is a straight
    line, outside of them NaN.
    """
    if evidence.erased is None:
        return np.full(len(THRESHOLDS), np.nan)
    known = np.isfinite(evidence.erased)
    return np.interp(THRESHOLDS, THRESHOLDS[known], evidence.erased[known], left=np.nan, right=np.nan)


def mean_of(rules: Sequence[Callable[[Evidence], np.ndarray]]) -> Callable[[Evidence], np.ndarray]:
    r"""Geometric mean of m curves in [0, 1], :math:`\prod_i c_i(t)^{1 / m}`: what all like, and none refuses."""

    def curve(evidence: Evidence) -> np.ndarray:
        logs = [np.log(np.maximum(rule(evidence), _TINY)) for rule in rules]
        return np.exp(np.mean(logs, axis=0))

    return curve


def fixed(threshold: float) -> Callable[[Evidence], np.ndarray]:
    """The threshold whatever the frames say: what a rule must beat."""
    return lambda evidence: -np.abs(THRESHOLDS - threshold)


def _frames(rule: Callable[..., np.ndarray], **more: Any) -> Callable[[Evidence], np.ndarray]:
    return lambda evidence: rule(evidence.frames, **more)


def _composites(cut: float) -> Callable[[Evidence], np.ndarray]:
    def curve(evidence: Evidence) -> np.ndarray:
        if evidence.composites is None:
            return np.full(len(THRESHOLDS), np.nan)
        return composites_iou(evidence.composites, cut)

    return curve


_LABELS, _OWN, _PU = _frames(image_labels), _frames(own_probabilities), _frames(positive_unlabelled)
_EXTENT, _BOTH = _composites(0.1), ('negatives', 'composites')

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule('composites_then_own', _EXTENT, ('composites',), _OWN),
        Rule('composites_then_labels', _EXTENT, _BOTH, _LABELS),
        Rule('composites_then_pu_own', _EXTENT, _BOTH, mean_of([_PU, _OWN])),
        Rule('composites_then_agreement', _EXTENT, ('composites', 'views'), _frames(view_agreement)),
        Rule('composites_labels', mean_of([_EXTENT, _LABELS]), _BOTH),
        Rule('composites_0.05', _composites(0.05), ('composites',)),
        Rule('composites_0.1', _EXTENT, ('composites',)),
        Rule('composites_0.2', _composites(0.2), ('composites',)),
        Rule('image_labels', _LABELS, ('negatives',)),
        Rule('own', _OWN),
        Rule('pu', _PU, ('negatives',)),
        Rule('pu_own', mean_of([_PU, _OWN]), ('negatives',)),
        Rule('negatives_0.01', _frames(negatives_share, share=0.01), ('negatives',)),
        Rule('otsu', _frames(otsu)),
        Rule('agreement', _frames(view_agreement), ('views',)),
        Rule('erase_keep', erase_and_keep, ('erased',)),
        Rule('fixed_0.3', fixed(0.3)),
        Rule('fixed_0.5', fixed(0.5)),
    )
}
"""Every rule by its name.

``composites_C`` is :func:`~mmwsss.evaluation.composite_figures.composites_iou` with smoke from the opacity C on. Of
``composites_then_X`` the threshold is that of ``composites_0.1``, and candidates are ranked by X at that threshold.
``composites_labels`` and ``pu_own`` are the means of two curves. What ``erase_keep`` reads comes from
:func:`mmwsss.apis.judge.erase_and_keep`; the others are the functions of this module that have their names.
"""


def find_rule(name: str) -> Rule:
    """A rule by its name.

    Raises:
        KeyError: If there is none.
    """
    if name not in RULES:
        raise UnknownNameError(f'Expected a rule of {list(RULES)}, but got {name!r}.')
    return RULES[name]
