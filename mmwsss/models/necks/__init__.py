"""Necks."""

from mmwsss.models.necks.feature_projection_neck import FeatureProjectionNeck
from mmwsss.models.necks.patch_map_neck import PatchMapNeck

__all__ = ['FeatureProjectionNeck', 'PatchMapNeck']
