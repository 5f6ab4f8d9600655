"""Refiners: transforms over a dict with ``img``, ``cam`` and ``gt_label``, in any order a config gives them."""

from mmwsss.refine.crf_refine import CRFRefine
from mmwsss.refine.layer_fusion import LayerFusion, fusion_of
from mmwsss.refine.threshold_mask import ThresholdMask

__all__ = ['CRFRefine', 'LayerFusion', 'ThresholdMask', 'fusion_of']
