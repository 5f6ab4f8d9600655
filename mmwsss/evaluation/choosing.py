"""The candidate and the threshold that a rule likes best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mmwsss.evaluation.composite_figures import lose_composites, sees_composites
from mmwsss.evaluation.evidence import THRESHOLDS, Evidence
from mmwsss.evaluation.figures import ALARM_AREAS
from mmwsss.evaluation.rules import find_rule
from mmwsss.utils.errors import InputError

DEFAULT_RULE = 'composites_then_own'
"""The rule with the least regret on real smoke (docs/no_masks.md)."""
RULE_WITHOUT_COMPOSITES = 'otsu'
"""Where the class cannot be generated, or a network does not see what is generated."""


@dataclass(frozen=True)
class Choice:
    """What a rule chose.

    Attributes:
        candidate: Name of the candidate.
        threshold: Its threshold.
        score: The rule's value there.
        rule: Name of the rule.
        curves: Every candidate's curve, float (T,).
        table: Each candidate's own threshold, value and share of alarms (:func:`alarm_shares`) there, the best first.
        reason: Why it was not the rule that one would expect; empty where it was.
    """

    candidate: str
    threshold: float
    score: float
    rule: str
    curves: Mapping[str, np.ndarray]
    table: Sequence[Mapping[str, Any]]
    reason: str = ''


def alarm_shares(evidence: Evidence) -> np.ndarray:
    """Share of the frames without a class that have an alarm: a mask of it above 1 % of the area.

    Returns:
        np.ndarray: float (T,), never growing; zeros where every frame shows the class.
    """
    alarms = evidence.frames.area[~evidence.frames.positive] > ALARM_AREAS[-1]
    return alarms.mean(0) if len(alarms) else np.zeros(len(THRESHOLDS))


def choose(candidates: Mapping[str, Evidence], rule: str, max_alarms: float | None = None) -> Choice:
    """The candidate and the threshold that a rule likes best; the first of equals.

    Args:
        candidates: Evidence by name, all on the same frames.
        rule: Name of one of :data:`~mmwsss.evaluation.rules.RULES`.
        max_alarms: Largest share of the frames without a class that may have an alarm (:func:`alarm_shares`), in
            [0, 1]: each candidate is cut at no threshold with more, where it has one with as few. It holds for these
            frames; a bound for others is :func:`mmwsss.evaluation.conformal.bound_false_alarms`. None: no limit.

    Raises:
        KeyError: If there is no such rule.
        ValueError: If there is no candidate, a candidate lacks what the rule needs, or the share is not one.
    """
    chosen = find_rule(rule)
    if not candidates:
        raise InputError('Expected at least one candidate, but got none.')
    if max_alarms is not None and not 0 <= max_alarms <= 1:
        raise InputError(f'Expected max_alarms in [0, 1], but got {max_alarms}.')
    curves: dict[str, np.ndarray] = {}
    rows: list[dict[str, Any]] = []
    for name, evidence in candidates.items():
        curve = curves[name] = chosen.curve(evidence)
        ranking = curve if chosen.ranking is None else chosen.ranking(evidence)
        if not (np.isfinite(curve).any() and np.isfinite(ranking).any()):
            raise InputError(
                f'Expected {" and ".join(chosen.needs)} for the rule {rule!r}, but the candidate {name} has none.'
            )
        place, alarms = int(np.nanargmax(curve)), alarm_shares(evidence)
        if max_alarms is not None and alarms[place] > max_alarms:
            allowed = alarms <= max(max_alarms, alarms[-1])
            limited = np.where(allowed, curve, np.nan)
            place = int(np.nanargmax(limited)) if np.isfinite(limited).any() else int(np.argmax(allowed))
        row = {'candidate': name, 'threshold': float(THRESHOLDS[place]), 'score': float(ranking[place])}
        rows.append({**row, 'alarms': float(alarms[place])})
    rows.sort(key=lambda row: -row['score'])  # stable: the first of equals
    best = rows[0]
    return Choice(best['candidate'], best['threshold'], best['score'], rule, curves, rows)


def choose_by_default(candidates: Mapping[str, Evidence], max_alarms: float | None = None) -> Choice:
    """The choice by :data:`DEFAULT_RULE`, or where composites say nothing by :data:`RULE_WITHOUT_COMPOSITES`.

    Where some candidate sees generated smoke
    (:func:`~mmwsss.evaluation.composite_figures.sees_composites`), those that spoil it
    (:func:`~mmwsss.evaluation.composite_figures.lose_composites`) are left out. Composites say nothing where there are
    none, or where a candidate that is left is blind to them.

    Args:
        candidates: Evidence by name, all on the same frames.
        max_alarms: Of :func:`choose`.

    Raises:
        ValueError: If there is no candidate, or the share is not one.
    """
    composites = {name: one.composites for name, one in candidates.items() if one.composites is not None}
    if not composites:
        return choose(candidates, RULE_WITHOUT_COMPOSITES, max_alarms)
    blind = [name for name, curves in composites.items() if not sees_composites(curves)]
    lost = lose_composites(composites) if len(blind) < len(composites) else []
    kept = {name: one for name, one in candidates.items() if name not in lost}
    blind = [name for name in blind if name in kept]
    reasons = [f'left out, since others mark generated smoke far better: {", ".join(lost)}'] if lost else []
    if blind:
        reasons.append(
            f'generated smoke says nothing of {", ".join(blind)}, which marks it no better than marking everything'
        )
    choice = choose(kept, RULE_WITHOUT_COMPOSITES if blind else DEFAULT_RULE, max_alarms)
    return replace(choice, reason='; '.join(reasons))
