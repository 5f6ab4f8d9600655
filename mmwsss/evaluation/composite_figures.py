"""What composites, whose smoke is known, say of a network at every threshold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmwsss.evaluation.evidence import CUTS, CompositeCurves

_TINY = 1e-12


def composites_iou(composites: CompositeCurves, cut: float) -> np.ndarray:
    r"""IoU of the set over composites, :math:`\sum_i |M_i(t) \cap S_i| / \sum_i |M_i(t) \cup S_i|`.

    :math:`S_i` is where the smoke's opacity is above the cut. People who draw masks follow what they just see, so that
    cuts of 0.05 to 0.1 fit theirs better than 0.2. Source: synthetic validation, with the composites of
    :mod:`mmwsss.datasets.composites`; the frames must be held out.

    Args:
        composites: The composites.
        cut: One of :data:`~mmwsss.evaluation.evidence.CUTS`.
    """
    place = CUTS.index(cut)
    hits, truth = composites.hits[:, :, place].sum(0), composites.truth[:, place].sum()
    return hits / np.maximum(composites.area.sum(0) + truth - hits, _TINY)


def sees_composites(composites: CompositeCurves, cut: float = 0.1) -> bool:
    """Whether a network sees generated smoke: its best IoU is at least twice that of marking every pixel.

    Composites choose nothing for a network that is blind to them, such as one that learned another kind of picture: the
    best threshold is then the one that marks everything.
    """
    everything = composites.truth[:, CUTS.index(cut)].mean()
    return bool(composites_iou(composites, cut).max() >= 2 * everything)


def lose_composites(composites: Mapping[str, CompositeCurves], cut: float = 0.1, share: float = 2 / 3) -> list[str]:
    """Names of the candidates whose best IoU on generated smoke is below a share of the best candidate's.

    A refiner that spoils masks, such as a CRF on faint smoke, makes scores that are sure of everything, and every rule
    that asks the scores themselves likes it best. On composites it shows: 22 and 34 against 64 to 65 of the rounds that
    it refines, while networks that differ by ten points on real smoke are alike (docs/no_masks.md).
    """
    best = {name: float(composites_iou(curves, cut).max()) for name, curves in composites.items()}
    return [name for name, value in best.items() if value < share * max(best.values())]
