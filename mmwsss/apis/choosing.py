"""A network, its refiners and a threshold among several, chosen without a mask."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmwsss.apis.evidence import EvidencePlan, collect_evidence
from mmwsss.apis.inference import init_for_maps
from mmwsss.apis.judge import Encoder, Judge
from mmwsss.apis.score_maps import data_split
from mmwsss.evaluation.choosing import Choice, choose, choose_by_default
from mmwsss.evaluation.evidence import Evidence
from mmwsss.evaluation.rules import find_rule
from mmwsss.utils.errors import InputError


@dataclass(frozen=True)
class Candidate:
    """One way to make masks.

    Attributes:
        name: What it is called.
        cfg: A pseudo config.
        checkpoint: Weights of its network.
        values: Variables of the config in which it differs from other candidates.
        model_cfg: Training config, for a checkpoint that does not carry its own.
        peer: Weights of another network of the kind, such as the same training with another seed: what rules that need
            views compare the masks with, in the place of those of mirrored frames.
    """

    name: str
    cfg: Config
    checkpoint: str
    values: Mapping[str, Any] = field(default_factory=dict)
    model_cfg: Config | None = None
    peer: str | None = None


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
    max_alarms: float | None = None,
) -> tuple[Candidate, Choice]:
    """Look at frames with every candidate, and choose.

    Args:
        candidates: At least one; the data are those of the first one's config.
        split: Whose frames and image labels are looked at; see :func:`~mmwsss.apis.score_maps.data_split`.
        rule: One of :data:`~mmwsss.evaluation.rules.RULES`; by default
            :func:`~mmwsss.evaluation.choosing.choose_by_default`.
        plan: Which frames, and how.
        keep: Folder where each candidate's evidence is kept (``NAME.npz``).
        max_alarms: Of :func:`~mmwsss.evaluation.choosing.choose`.

    Raises:
        KeyError: If there is no such rule.
        ValueError: If two candidates have one name, or the frames lack what the rule needs.
    """
    plan = plan or EvidencePlan()
    needs = () if rule is None else find_rule(rule).needs
    names = [candidate.name for candidate in candidates]
    if len(set(names)) < len(names) or not names:
        raise InputError(f'Expected candidates of different names, at least one, but got {names}.')
    if 'views' in needs and not plan.views and any(candidate.peer is None for candidate in candidates):
        raise InputError(f'Expected views in the plan, or peers, for the rule {rule!r}, but there are none.')
    first = candidates[0].cfg
    dataset = data_split(first, split)
    judge = None
    if 'erased' in needs:
        training = data_split(first, 'train')
        judge = Judge.learn(Encoder(), training, range(len(training)), plan.class_index)
    evidence: dict[str, Evidence] = {}
    for candidate in candidates:
        model = init_for_maps(candidate.cfg, candidate.checkpoint, candidate.model_cfg)
        peer = candidate.peer and init_for_maps(candidate.cfg, candidate.peer, candidate.model_cfg)
        evidence[candidate.name] = collect_evidence(candidate.cfg, model, dataset, plan, judge, peer or None)
        if keep is not None:
            evidence[candidate.name].save(Path(keep) / f'{candidate.name}.npz')
    choice = choose_by_default(evidence, max_alarms) if rule is None else choose(evidence, rule, max_alarms)
    return next(candidate for candidate in candidates if candidate.name == choice.candidate), choice
