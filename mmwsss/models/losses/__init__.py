"""Losses."""

from mmwsss.models.losses.balanced_cross_entropy import BalancedCrossEntropyLoss
from mmwsss.models.losses.cosine_global_kt_loss import CosineGlobalKTLoss
from mmwsss.models.losses.counterfactual_loss import CounterfactualLoss
from mmwsss.models.losses.foreground_dice_loss import ForegroundDiceLoss
from mmwsss.models.losses.knowledge_transfer_loss import KnowledgeTransferLoss

__all__ = [
    'BalancedCrossEntropyLoss',
    'CosineGlobalKTLoss',
    'CounterfactualLoss',
    'ForegroundDiceLoss',
    'KnowledgeTransferLoss',
]
