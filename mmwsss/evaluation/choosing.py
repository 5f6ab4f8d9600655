"""The candidate and the threshold that a rule likes best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmwsss.evaluation.evidence import THRESHOLDS, Evidence
from mmwsss.evaluation.rules import find_rule
from mmwsss.utils.errors import InputError


@dataclass(frozen=True)
class Choice:
    """What a rule chose.

    Attributes:
        candidate: Name of the candidate.
        threshold: Its threshold.
        score: The rule's value there.
        rule: Name of the rule.
        curves: Every candidate's curve, float (T,).
        table: Each candidate's own threshold and value, the best first.
        reason: Why it was not the rule that one would expect; empty where it was.
    """

    candidate: str
    threshold: float
    score: float
    rule: str
    curves: Mapping[str, np.ndarray]
    table: Sequence[Mapping[str, Any]]
    reason: str = ''


def choose(candidates: Mapping[str, Evidence], rule: str) -> Choice:
    """The candidate and the threshold that a rule likes best; the first of equals.

    Args:
        candidates: Evidence by name, all on the same frames.
        rule: Name of one of :data:`~mmwsss.evaluation.rules.RULES`.

    Raises:
        KeyError: If there is no such rule.
        ValueError: If there is no candidate, or a candidate lacks what the rule needs.
    """
    chosen = find_rule(rule)
    if not candidates:
        raise InputError('Expected at least one candidate, but got none.')
    curves: dict[str, np.ndarray] = {}
    rows: list[dict[str, Any]] = []
    for name, evidence in candidates.items():
        curve = curves[name] = chosen.curve(evidence)
        ranking = curve if chosen.ranking is None else chosen.ranking(evidence)
        if not (np.isfinite(curve).any() and np.isfinite(ranking).any()):
            raise InputError(
                f'Expected {" and ".join(chosen.needs)} for the rule {rule!r}, but the candidate {name} has none.'
            )
        place = int(np.nanargmax(curve))
        rows.append({'candidate': name, 'threshold': float(THRESHOLDS[place]), 'score': float(ranking[place])})
    rows.sort(key=lambda row: -row['score'])  # stable: the first of equals
    best = rows[0]
    return Choice(best['candidate'], best['threshold'], best['score'], rule, curves, rows)
