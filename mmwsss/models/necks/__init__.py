"""Necks."""

from mmwsss.models.necks.feature_projection_neck import FeatureProjectionNeck

__all__ = ['FeatureProjectionNeck']
