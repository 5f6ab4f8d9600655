"""Fusion of maps, and refiners: transforms over a dict with ``img``, ``cam`` (n, H, W) and ``classes`` (n,)."""

from mmwsss.refine.affinity_refine import AffinityRefine
from mmwsss.refine.clip_refine import CLIPRefine
from mmwsss.refine.crf_refine import CRFRefine
from mmwsss.refine.dark_channel import DarkChannelRefine
from mmwsss.refine.feature_affinity_refine import FeatureAffinityRefine
from mmwsss.refine.layer_fusion import LayerFusion
from mmwsss.refine.par_refine import PARRefine
from mmwsss.refine.position_prior import PositionPrior
from mmwsss.refine.sam_refine import SAMRefine
from mmwsss.refine.steps import build_fusion, build_refiners, build_step
from mmwsss.refine.threshold_mask import ThresholdMask

__all__ = [
    'AffinityRefine',
    'CLIPRefine',
    'CRFRefine',
    'DarkChannelRefine',
    'FeatureAffinityRefine',
    'LayerFusion',
    'PARRefine',
    'PositionPrior',
    'SAMRefine',
    'ThresholdMask',
    'build_fusion',
    'build_refiners',
    'build_step',
]
