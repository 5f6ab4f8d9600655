"""A network, its refiners and a threshold among several, chosen without a mask."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmwsss.apis.evidence import EvidencePlan, collect_evidence
from mmwsss.apis.inference import init_for_maps
from mmwsss.apis.judge import Encoder, Judge
from mmwsss.apis.score_maps import data_split
from mmwsss.evaluation.choosing import Choice, choose
from mmwsss.evaluation.evidence import Evidence
from mmwsss.evaluation.rules import find_rule, sees_composites
from mmwsss.utils.errors import InputError

DEFAULT_RULE = 'composites_then_own'
"""The rule with the least regret on real smoke (docs/no_masks.md)."""
RULE_WITHOUT_COMPOSITES = 'otsu'
"""Where the class cannot be generated, or a network does not see what is generated."""


@dataclass(frozen=True)
class Candidate:
    """One way to make masks.

    Attributes:
        name: What it is called.
        cfg: A pseudo config.
        checkpoint: Weights of its network.
        values: Variables of the config in which it differs from other candidates.
        model_cfg: Training config, for a checkpoint that does not carry its own.
    """

    name: str
    cfg: Config
    checkpoint: str
    values: Mapping[str, Any] = field(default_factory=dict)
    model_cfg: Config | None = None


def variations(vary: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of values of some variables.

    >>> variations({'bg_exponent': [1, 4], 'flip': [True]})
    [{'bg_exponent': 1, 'flip': True}, {'bg_exponent': 4, 'flip': True}]
    """
    return [dict(zip(vary, values)) for values in itertools.product(*vary.values())]


def choose_candidate(
    candidates: Sequence[Candidate],
    split: str | None = None,
    rule: str | None = None,
    plan: EvidencePlan | None = None,
    keep: str | Path | None = None,
) -> tuple[Candidate, Choice]:
    """Look at frames with every candidate, and choose.

    Args:
        candidates: At least one; the data are those of the first one's config.
        split: Whose frames and image labels are looked at; see :func:`~mmwsss.apis.score_maps.data_split`.
        rule: One of :data:`~mmwsss.evaluation.rules.RULES`; by default :data:`DEFAULT_RULE`, or without composites, and
            where a candidate is blind to them (:func:`~mmwsss.evaluation.rules.sees_composites`),
            :data:`RULE_WITHOUT_COMPOSITES`.
        plan: Which frames, and how.
        keep: Folder where each candidate's evidence is kept (``NAME.npz``).

    Raises:
        KeyError: If there is no such rule.
        ValueError: If two candidates have one name, or the frames lack what the rule needs.
    """
    plan = plan or EvidencePlan()
    is_default = rule is None
    rule = rule or (DEFAULT_RULE if plan.composites else RULE_WITHOUT_COMPOSITES)
    needs = find_rule(rule).needs
    names = [candidate.name for candidate in candidates]
    if len(set(names)) < len(names) or not names:
        raise InputError(f'Expected candidates of different names, at least one, but got {names}.')
    if 'views' in needs and not plan.views:
        raise InputError(f'Expected views in the plan for the rule {rule!r}, but it has none.')
    first = candidates[0].cfg
    dataset = data_split(first, split)
    judge = None
    if 'erased' in needs:
        training = data_split(first, 'train')
        judge = Judge.learn(Encoder(), training, range(len(training)), plan.class_index)
    evidence: dict[str, Evidence] = {}
    for candidate in candidates:
        model = init_for_maps(candidate.cfg, candidate.checkpoint, candidate.model_cfg)
        evidence[candidate.name] = collect_evidence(candidate.cfg, model, dataset, plan, judge)
        if keep is not None:
            evidence[candidate.name].save(Path(keep) / f'{candidate.name}.npz')
    blind = [name for name, one in evidence.items() if one.composites and not sees_composites(one.composites)]
    if is_default and blind:
        reason = f'generated smoke says nothing of {", ".join(blind)}, which marks it no better than marking everything'
        choice = replace(choose(evidence, RULE_WITHOUT_COMPOSITES), reason=reason)
    else:
        choice = choose(evidence, rule)
    return next(candidate for candidate in candidates if candidate.name == choice.candidate), choice
