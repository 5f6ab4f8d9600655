"""How many seeds a difference needs before it can be told from chance."""

from __future__ import annotations

from scipy import stats

from mmwsss.utils.errors import InputError

LEVEL = 0.05
"""Two-sided level of the test that is meant."""
POWER = 0.8
"""Chance of finding a difference that is there."""


def power_of(difference: float, deviation: float, seeds: int, level: float = LEVEL) -> float:
    """Chance that a paired two-sided t test over seeds finds a difference (t squared is F, not central).

    Args:
        difference: Of the means, for example in points of IoU.
        deviation: Standard deviation over seeds of the paired differences, same unit.
        seeds: Number of seeds, at least 2.
        level: Of the test.

    Raises:
        ValueError: If there are fewer than two seeds or the deviation is negative.

    >>> round(power_of(5, 5, 10), 2)
    0.8
    """
    if seeds < 2 or deviation < 0:
        raise InputError(f'Expected at least 2 seeds and a deviation >= 0, but got {seeds} and {deviation}.')
    if deviation == 0:
        return float(difference != 0)
    degrees = seeds - 1
    if difference == 0:
        return level
    effect = seeds * (difference / deviation) ** 2  # t squared is F with one degree of freedom above
    return float(stats.ncf.sf(stats.f.ppf(1 - level, 1, degrees), 1, degrees, effect))


def seeds_needed(difference: float, deviation: float, power: float = POWER, level: float = LEVEL) -> int:
    """Smallest number of seeds with which a paired t test finds a difference with a chance of at least ``power``.

    Args:
        difference: Above 0.
        deviation: Of the paired differences over seeds.
        power: In (0, 1).
        level: In (0, 1).

    Raises:
        ValueError: If the difference is not above 0, or a share is outside (0, 1).

    >>> seeds_needed(5, 5), seeds_needed(1, 5)
    (10, 199)
    """
    if difference <= 0 or not 0 < power < 1 or not 0 < level < 1:
        raise InputError(f'Expected difference > 0, power and level in (0, 1), got {difference}, {power}, {level}.')
    low, high = 1, 2
    while power_of(difference, deviation, high, level) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(difference, deviation, middle, level) >= power else (middle, high)
    return high


def smallest_difference(deviation: float, seeds: int, power: float = POWER, level: float = LEVEL) -> float:
    """The difference that a number of seeds finds with a chance of ``power``, in the unit of the deviation.

    >>> round(smallest_difference(5, 10), 1)
    5.0
    """
    low, high = 0.0, max(deviation, 1e-12)
    while power_of(high, deviation, seeds, level) < power:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if power_of(middle, deviation, seeds, level) >= power else (middle, high)
    return high
