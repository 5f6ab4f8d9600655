"""Refiners: transforms over a dict with ``img``, ``cam`` and ``gt_label``, in any order a config gives them."""

from mmwsss.refine.affinity_refine import AffinityRefine
from mmwsss.refine.clip_refine import CLIPRefine
from mmwsss.refine.crf_refine import CRFRefine
from mmwsss.refine.dark_channel import DarkChannelRefine
from mmwsss.refine.layer_fusion import LayerFusion, fusion_of
from mmwsss.refine.sam_refine import SAMRefine
from mmwsss.refine.threshold_mask import ThresholdMask

__all__ = [
    'AffinityRefine',
    'CLIPRefine',
    'CRFRefine',
    'DarkChannelRefine',
    'LayerFusion',
    'SAMRefine',
    'ThresholdMask',
    'fusion_of',
]
