r"""Bounds on false alarms: conformal risk control on images that are known to show nothing.

Angelopoulos, Bates, Fisch, Lei and Schuster, "Conformal Risk Control" (ICLR 2024, arXiv 2208.02814): let the losses
:math:`L_i(t) \in [0, 1]` of n units never grow with the threshold t, and be continuous from the right. Then

.. math:: \hat t = \inf\{t : \textstyle\sum_i L_i(t) \le \alpha (n + 1) - 1\}
          \quad\Rightarrow\quad E[L_{n+1}(\hat t)] \le \alpha

for the next unit, whatever the scores are, as long as the n + 1 units are exchangeable: as if drawn in random order
from one source. Nothing is assumed of the network.

Here a mask is ``score > t``, a unit is a **block** of frames (a day of a camera: its frames repeat each other and are
not exchangeable one by one), and a block's loss is the mean over its frames, so that the bound holds for a random frame
of a *new* block (hierarchical exchangeability: Lee, Barber and Willett, arXiv 2306.06342). A camera that was not among
the blocks is not exchangeable with them, and for it nothing is promised.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import binom

from mmwsss.evaluation.regions import critical_score
from mmwsss.utils.errors import InputError

RISKS = ('frames', 'pixels')
GRID = 4096
"""Steps of the thresholds of the risk ``'pixels'``: they are multiples of 1 / 4096."""
_SLACK = 1e-9  # sums of weights are not exact


class TooFewBlocksError(InputError):
    """So few blocks that no threshold can keep the promise; the message has the number that is needed."""


def needed_blocks(alpha: float, confidence: float | None = None) -> int:
    """Fewest blocks with which any threshold can be given: those of a calibration without a single false alarm.

    For the mean, ``alpha * (n + 1) >= 1``; with a confidence, ``(1 - alpha) ** n <= 1 - confidence``.

    Args:
        alpha: The bound, in (0, 1).
        confidence: See :func:`budget_of`.

    >>> [needed_blocks(alpha) for alpha in (0.1, 0.05, 0.02, 0.01, 0.001)], needed_blocks(0.01, 0.95)
    ([9, 19, 49, 99, 999], 299)
    """
    _check_levels(alpha, confidence)
    if confidence is None:
        return max(math.ceil(1 / alpha - 1 - _SLACK), 1)
    return math.ceil(math.log(1 - confidence) / math.log1p(-alpha) - _SLACK)


def budget_of(blocks: int, alpha: float, confidence: float | None = None) -> float:
    """Largest sum of the blocks' losses with which a threshold may stand.

    Args:
        blocks: Number n of blocks.
        alpha: The bound on the risk, in (0, 1).
        confidence: None bounds the mean of the risk over all calibrations: ``alpha * (n + 1) - 1``. Else the risk is
            at most alpha in this share of calibrations, for blocks that are independent draws: the largest sum whose
            Hoeffding-Bentkus p-value (Bates et al., "Distribution-Free, Risk-Controlling Prediction Sets", 2021) is at
            most ``1 - confidence``.

    Returns:
        float: negative where no threshold may.

    Raises:
        ValueError: If a level is outside (0, 1).
    """
    _check_levels(alpha, confidence)
    if confidence is None:
        return alpha * (blocks + 1) - 1
    low, high = -1.0, alpha * blocks
    if p_value(0.0, blocks, alpha) > 1 - confidence:
        return low
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if p_value(middle, blocks, alpha) <= 1 - confidence else (low, middle)
    return low


def p_value(total: float, blocks: int, alpha: float) -> float:
    """Hoeffding-Bentkus p-value of "the risk is above alpha", where n losses in [0, 1] have this sum.

    >>> round(p_value(0, 299, 0.01), 4)  # (1 - 0.01) ** 299
    0.0495
    """
    mean = total / blocks
    if mean >= alpha:
        return 1.0
    divergence = (1 - mean) * math.log((1 - mean) / (1 - alpha)) + (mean * math.log(mean / alpha) if mean else 0.0)
    bentkus = math.e * float(binom.cdf(math.ceil(total - _SLACK), blocks, alpha))
    return min(math.exp(-blocks * divergence), bentkus, 1.0)


def _check_levels(alpha: float, confidence: float | None) -> None:
    for name, value in (('alpha', alpha), ('confidence', confidence)):
        if value is not None and not 0 < value < 1:
            raise InputError(f'Expected {name} in (0, 1), but got {value}.')


def smallest_threshold(values: np.ndarray, weights: np.ndarray, budget: float, lowest: float = 0.0) -> float:
    """The smallest t for which the weights of the values **above** t add up to no more than a budget.

    Args:
        values: float (m,), scores in any order, with ties or without.
        weights: float (m,), non-negative.
        budget: Non-negative.
        lowest: Given where the budget suffices for all.

    >>> smallest_threshold(np.array([0.9, 0.5, 0.5, 0.2]), np.ones(4), 2)  # at 0.5 only 0.9 is above
    0.5
    """
    order = np.argsort(-values, kind='stable')
    over = np.flatnonzero(np.cumsum(weights[order]) > budget + _SLACK)
    return float(values[order[over[0]]]) if len(over) else lowest


@dataclass(frozen=True)
class FalseAlarmBound:
    """What is promised, on what, and how it was on the frames that it comes from.

    Attributes:
        threshold: A mask is ``score > threshold``.
        risk: ``'frames'``: the chance that a frame without the class gets a region of ``min_share`` or more;
            ``'pixels'``: the expected share of its pixels that get the class.
        alpha: The bound on it, for a random frame of a new block that is exchangeable with these.
        confidence: None: the bound is on the mean over calibrations; else it holds in this share of them.
        blocks: Number of blocks.
        frames: Number of frames.
        needed: Blocks without which nothing could be promised.
        observed: The risk on these very frames at the threshold, mean over blocks; below alpha by construction.
        min_share: Smallest region that is an alarm, share of the frame; 0: one pixel.
    """

    threshold: float
    risk: str
    alpha: float
    confidence: float | None
    blocks: int
    frames: int
    needed: int
    observed: float
    min_share: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it, with the sentence."""
        return {**asdict(self), 'promise': self.sentence()}

    def sentence(self) -> str:
        """The promise, and what it rests on, in words."""
        if self.risk == 'frames':
            region = f'a region of {100 * self.min_share:g} % of its area or more' if self.min_share else 'a mask'
            bound = f'the chance that a frame without the class gets {region} is at most {100 * self.alpha:g} %'
        else:
            bound = f'at most {100 * self.alpha:g} % of the pixels of frames without the class are expected in masks'
        how = 'on average' if self.confidence is None else f'in {100 * self.confidence:g} % of calibrations'
        return (
            f'At the threshold {self.threshold:.4f} {bound} ({how}), for new blocks that are exchangeable with the '
            f'{self.blocks} blocks ({self.frames} frames) kept aside. For another camera, season or network nothing is '
            'promised.'
        )


class FalseAlarms:
    """Collects frames without the class, one after the other, and gives thresholds that bound their false alarms.

    Memory grows by one number a frame, and by a histogram a block.

    Args:
        min_share: Smallest region that is an alarm, share of the frame's area, in [0, 1); for the risk ``'frames'``.

    Raises:
        ValueError: If the share is outside its range.
    """

    def __init__(self, min_share: float = 0.001) -> None:
        if not 0 <= min_share < 1:
            raise InputError(f'Expected min_share in [0, 1), but got {min_share}.')
        self.min_share = min_share
        self._critical: list[float] = []
        self._blocks: list[Hashable] = []
        self._histograms: dict[Hashable, np.ndarray] = {}

    def update(self, score: np.ndarray, block: Hashable) -> None:
        """Add a frame.

        Args:
            score: float (H, W) in [0, 1], not normalised by its own maximum: such scores alarm everywhere.
            block: What the frame belongs to.

        Raises:
            ValueError: If scores are outside [0, 1] or not finite.
        """
        if not (np.isfinite(score).all() and score.min() >= 0 and score.max() <= 1 + 1e-5):
            raise InputError('Expected finite scores in [0, 1], but got others.')
        score = np.minimum(score, 1)
        self._critical.append(critical_score(score, max(math.ceil(self.min_share * score.size), 1)))
        self._blocks.append(block)
        steps = np.ceil(score.ravel().astype(np.float64) * GRID).astype(np.int64)
        share = np.bincount(steps, minlength=GRID + 1) / score.size
        self._histograms[block] = self._histograms.get(block, 0) + share

    @property
    def blocks(self) -> int:
        """Number of different blocks."""
        return len(self._histograms)

    def bound(
        self, alpha: float, risk: str = 'frames', confidence: float | None = None, among: int = 1
    ) -> FalseAlarmBound:
        """The smallest threshold with a bound on the risk.

        A network that was chosen among m on these very frames is no longer independent of them. Each of the m is then
        bounded by alpha / m, so that the chosen one, whichever it is, is bounded by their sum, alpha; with a confidence
        each is bounded by alpha itself, in 1 - (1 - confidence) / m of calibrations.

        Args:
            alpha: The bound, in (0, 1).
            risk: One of :data:`RISKS`.
            confidence: See :func:`budget_of`.
            among: The number m of networks that this one was chosen from on these frames.

        Raises:
            TooFewBlocksError: If there are too few blocks for alpha; says how many are needed.
            ValueError: If an argument is none of those allowed.
        """
        if risk not in RISKS:
            raise InputError(f'Expected a risk of {list(RISKS)}, but got {risk!r}.')
        if among < 1:
            raise InputError(f'Expected among to be 1 or more, but got {among}.')
        own = (alpha / among, None) if confidence is None else (alpha, 1 - (1 - confidence) / among)
        needed, budget = needed_blocks(*own), budget_of(max(self.blocks, 1), *own)
        if self.blocks < needed or budget < -_SLACK:
            level = '' if confidence is None else f' with confidence {own[1]:g}'
            shared = f' The bound is shared by the {among} networks that one was chosen from.' if among > 1 else ''
            raise TooFewBlocksError(
                f'Expected at least {needed} blocks of frames without the class to bound false alarms by '
                f'{own[0]:g}{level}, but got {self.blocks} ({len(self._blocks)} frames): keep more of them aside, or '
                f'choose a larger alpha.{shared}'
            )
        values, weights = self.losses(risk)
        threshold = smallest_threshold(values, weights, max(budget, 0.0))
        return FalseAlarmBound(
            threshold=threshold,
            risk=risk,
            alpha=alpha,
            confidence=confidence,
            blocks=self.blocks,
            frames=len(self._blocks),
            needed=needed,
            observed=float(weights[values > threshold].sum() / self.blocks),
            min_share=self.min_share if risk == 'frames' else 0.0,
        )

    def risk_at(self, threshold: float, risk: str = 'frames') -> float:
        """The risk of these frames at a threshold, mean over blocks, in [0, 1]."""
        values, weights = self.losses(risk)
        return float(weights[values > threshold].sum() / max(self.blocks, 1))

    def losses(self, risk: str) -> tuple[np.ndarray, np.ndarray]:
        """Values and weights, float (m,) each: the weights of the values above t are the sum of the blocks' losses."""
        frames = Counter(self._blocks)
        if risk == 'frames':
            weights = np.array([1 / frames[block] for block in self._blocks])
            return np.array(self._critical, np.float64), weights
        total = sum((shares / frames[block] for block, shares in self._histograms.items()), np.zeros(GRID + 1))
        return np.arange(GRID + 1) / GRID, total


def bound_false_alarms(
    scores: Iterable[np.ndarray],
    blocks: Sequence[Hashable],
    alpha: float,
    risk: str = 'frames',
    confidence: float | None = None,
    min_share: float = 0.001,
) -> FalseAlarmBound:
    """:meth:`FalseAlarms.bound` of frames that are at hand.

    Args:
        scores: float (H, W) in [0, 1] each.
        blocks: One a frame.
        alpha: The bound.
        risk: One of :data:`RISKS`.
        confidence: See :func:`budget_of`.
        min_share: See :class:`FalseAlarms`.
    """
    collected = FalseAlarms(min_share)
    for score, block in zip(scores, blocks):
        collected.update(score, block)
    return collected.bound(alpha, risk, confidence)
