"""The method's main knowledge-transfer loss."""

from __future__ import annotations

from mmwsss.models.losses.knowledge_transfer_loss import KnowledgeTransferLoss
from mmwsss.registry import MODELS


@MODELS.register_module()
class CosineGlobalKTLoss(KnowledgeTransferLoss):
    """Global cosine consistency of two maps; see :func:`~mmwsss.models.losses.functional.cosine_global`.

    Args:
        loss_weight: lambda of the paper (Table 4.10: best at 1).
        pooled: Eq. 3.2's pooled form in place of the flattened maps.

    Shape:
        - student_map, teacher_map (B, C, h, w); output: scalar in [0, 2 * loss_weight]
    """

    def __init__(self, loss_weight: float = 1.0, pooled: bool = False) -> None:
        super().__init__('cosine', 'global', loss_weight, pooled=pooled)
