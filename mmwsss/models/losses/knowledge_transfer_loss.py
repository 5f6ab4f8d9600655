"""Every knowledge-transfer loss of the method's tables."""

from __future__ import annotations

import warnings

import torch.nn as nn
from torch import Tensor

from mmwsss.models.losses.functional import (
    LEVELS,
    METRICS,
    bernoulli_kl,
    map_distance,
    softmax_kl,
    vector_distance,
)
from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError

_ON_LOGITS_ONLY = ('kl', 'bernoulli_kl')


@MODELS.register_module()
class KnowledgeTransferLoss(nn.Module):
    """Consistency of a student's and a teacher's maps, or of their logits.

    Source: arXiv 2507.21959, Tables 4.7 to 4.9; see :func:`~mmwsss.models.losses.functional.map_distance` for levels
    and :func:`~mmwsss.models.losses.functional.vector_distance` for metrics.

    Args:
        metric: ``'cosine'``, ``'l1'``, ``'l2'``, ``'mse'``; with logits also ``'kl'`` (of softmax distributions) and
            ``'bernoulli_kl'`` (class by class).
        level: ``'global'``, ``'spatial'``, ``'channel'``, ``'spatial_map'``, ``'inner'`` or ``'logits'``.
        loss_weight: lambda of the paper.
        pairs: At the level ``channel``: ``'all'`` pairs of channels (the paper's code), or ``'matched'`` ones.
        map_reduce: At the level ``spatial_map``: ``'mean'`` or ``'max'`` over channels.
        normalize_l2: Divide ``l2`` by the root of the vectors' length, so that its weight does not change with the
            input size. The paper's code does not: a weight then means something else at every size.
        temperature: Of the two divergences.
        pooled: At the level ``global``: pool over positions first (the paper's eq. 3.2; its code flattens).

    Shape:
        - student_map (B, C, h, w), teacher_map (B, C, h, w); of logits both (B, K); output: scalar

    Raises:
        ValueError: If metric and level do not go together, or another argument is none of those above.
    """

    def __init__(
        self,
        metric: str = 'cosine',
        level: str = 'global',
        loss_weight: float = 1.0,
        pairs: str = 'all',
        map_reduce: str = 'mean',
        normalize_l2: bool = True,
        temperature: float = 1.0,
        pooled: bool = False,
    ) -> None:
        super().__init__()
        for name, value, known in (
            ('metric', metric, METRICS),
            ('level', level, LEVELS),
            ('pairs', pairs, ('all', 'matched')),
            ('map_reduce', map_reduce, ('mean', 'max')),
        ):
            if value not in known:
                raise InputError(f'Expected {name} of {known}, but got {value!r}.')
        if metric in _ON_LOGITS_ONLY and level != 'logits':
            raise InputError(f"Expected level 'logits' for the metric {metric!r}, but got {level!r}.")
        if level == 'channel' and pairs == 'all' and metric != 'cosine':
            raise InputError(f"Expected pairs 'matched' for the metric {metric!r} of channels, but got 'all'.")
        if pooled and level != 'global':
            raise InputError(f"Expected pooled at the level 'global' only, but got {level!r}.")
        if temperature <= 0:
            raise InputError(f'Expected temperature > 0, but got {temperature}.')
        self.metric, self.level, self.loss_weight = metric, level, loss_weight
        self.pairs, self.map_reduce, self.pooled = pairs, map_reduce, pooled
        self.normalize_l2, self.temperature = normalize_l2, temperature
        self._warned = False

    @property
    def on_logits(self) -> bool:
        """Whether logits are compared and not maps."""
        return self.level == 'logits'

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The weighted loss of two maps, or of two sets of logits."""
        if self.on_logits:
            return self.loss_weight * self._of_logits(student, teacher)
        return self.loss_weight * map_distance(
            student,
            teacher,
            self.metric,
            self.level,
            pairs=self.pairs,
            map_reduce=self.map_reduce,
            normalize_l2=self.normalize_l2,
            pooled=self.pooled,
        )

    def _of_logits(self, student: Tensor, teacher: Tensor) -> Tensor:
        if student.ndim != 2 or student.shape != teacher.shape:
            raise ValueError(
                f'Expected logits of one shape (B, K), but got {tuple(student.shape)} and {tuple(teacher.shape)}.'
            )
        if self.metric == 'bernoulli_kl':
            return bernoulli_kl(student, teacher, self.temperature)
        if self.metric == 'kl':
            if student.shape[1] == 1 and not self._warned:
                self._warned = True
                warnings.warn(
                    "KnowledgeTransferLoss(metric='kl') is zero for one class, with zero gradient: the softmax of a "
                    "single logit is 1. metric='bernoulli_kl' is the form that teaches.",
                    stacklevel=3,
                )
            return softmax_kl(student, teacher, self.temperature)
        return vector_distance(student, teacher, self.metric, self.normalize_l2)

    def extra_repr(self) -> str:
        """Its settings, for ``print(model)``."""
        return f'metric={self.metric!r}, level={self.level!r}, loss_weight={self.loss_weight}'
