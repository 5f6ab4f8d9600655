"""Losses."""

from mmwsss.models.losses.cosine_global_kt_loss import CosineGlobalKTLoss

__all__ = ['CosineGlobalKTLoss']
