"""Distillers."""

from mmwsss.models.distillers.cross_arch_distiller import CrossArchDistiller

__all__ = ['CrossArchDistiller']
