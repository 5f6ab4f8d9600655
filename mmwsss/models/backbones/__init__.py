"""Backbones beside MMPretrain's."""

from mmwsss.models.backbones.feature_stem import FeatureStem
from mmwsss.models.backbones.hybrid_stem import HybridStem
from mmwsss.models.backbones.kept_features import KeptFeatures
from mmwsss.models.backbones.large_fov import LargeFOVBackbone
from mmwsss.models.backbones.map_conformer import MapConformer
from mmwsss.models.backbones.timm_features import TimmFeatures
from mmwsss.models.backbones.timm_tokens import TimmTokens
from mmwsss.models.backbones.vision_transformer import TokenMapVisionTransformer

__all__ = [
    'FeatureStem',
    'HybridStem',
    'KeptFeatures',
    'LargeFOVBackbone',
    'MapConformer',
    'TimmFeatures',
    'TimmTokens',
    'TokenMapVisionTransformer',
]
