"""What image labels alone say of a score: how probable the class is in a pixel that has it."""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression

from mmwsss.utils.errors import InputError

_BINS = 200
_LEAST = 0.05  # share of the pixels without the class below a score from which on their ratio is looked at
_TINY = 1e-12


def background_share(below_shown: np.ndarray, below_without: np.ndarray) -> float:
    """The largest share of the scores of images without a class that those of images with it can hold.

    The smallest ratio of the two shares of pixels below a score (mixture proportion estimation: Blanchard, Lee and
    Scott, JMLR 2010; learning from positive and unlabelled examples: Elkan and Noto, KDD 2008). Scores below which
    there are fewer than 5 % of the pixels without the class say nothing.

    Args:
        below_shown: float (T,), shares of the pixels of images with the class below each of T scores.
        below_without: The same of images without it.

    Returns:
        float: in [0, 1].

    >>> background_share(np.array([0.4, 0.8, 1.0]), np.array([0.5, 1.0, 1.0]))
    0.8
    """
    known = below_without >= min(_LEAST, float(below_without.max()))
    return float(min((below_shown[known] / np.maximum(below_without[known], _TINY)).min(), 1.0))


class LabelPosterior:
    """P(class | score) of the pixels of images that show a class, learned from image labels without any mask.

    Images with the class are a mixture: a share ``c`` of their pixels shows it, the others are background. If the
    background of images with and without the class has one distribution of scores, with the densities ``p`` (images
    with it) and ``q`` (images without it)::

        p(s) = c p(s | class) + (1 - c) q(s)        and so        P(class | s) = 1 - (1 - c) q(s) / p(s)

    ``1 - c`` is the largest share of ``q`` that ``p`` can hold (:func:`background_share`). The ratio of the histograms
    is then made monotone in the score by isotonic regression, weighted by the pixels.

    The assumption is never quite true: the background beside a class looks more like it than the background of other
    images does, and a network that was trained on the latter knows them. Both make the posterior too high, so that a
    mask is better cut at 0.8 than at 0.5 (validation crops of smoke5k_wsss), and after a round of self-training it says
    nothing any more.

    Scores are counted in ``200`` equal bins over [0, 1]; memory does not grow with the images.
    """

    def __init__(self) -> None:
        self._counts = np.zeros((2, _BINS))
        self.images = [0, 0]

    def update(self, scores: np.ndarray, shows_class: bool) -> None:
        """Add an image.

        Args:
            scores: float, of any shape, in [0, 1]: the class's score at each pixel.
            shows_class: What the image's label says.
        """
        self._counts[int(shows_class)] += np.histogram(scores, bins=_BINS, range=(0.0, 1.0))[0]
        self.images[int(shows_class)] += 1

    def _densities(self) -> tuple[np.ndarray, np.ndarray]:
        without, shown = self._counts
        if not without.sum() or not shown.sum():
            raise InputError(
                'Expected images with the class and images without it, but got '
                f'{self.images[1]} with and {self.images[0]} without.'
            )
        return shown / shown.sum(), without / without.sum()

    @property
    def share(self) -> float:
        """``c``, the estimated share of the class among the pixels of images that show it, in [0, 1].

        Raises:
            InputError: If there is no image with the class, or none without it.
        """
        shown, without = self._densities()
        return 1.0 - background_share(shown.cumsum(), without.cumsum())

    def posterior(self) -> np.ndarray:
        """P(class | score) in each bin: float (200,) in [0, 1], ascending."""
        shown, without = self._densities()
        ratio = np.divide(without, shown, out=np.ones_like(shown), where=shown > 0)
        raw = np.clip(1.0 - (1.0 - self.share) * ratio, 0.0, 1.0)
        return isotonic_regression(raw, weights=shown + 1e-12).x

    def cut(self, probability: float) -> float:
        """The lowest score whose posterior is at least ``probability``; 1 where none is.

        >>> labels = LabelPosterior()
        >>> labels.update(np.full(100, 0.1), shows_class=False)
        >>> labels.update(np.repeat([0.1, 0.6], [80, 20]), shows_class=True)
        >>> round(labels.share, 3), round(labels.cut(0.5), 3)
        (0.2, 0.6)
        """
        above = np.flatnonzero(self.posterior() >= probability)
        return float(above[0] / _BINS) if len(above) else 1.0
