"""Segmentors beside MMSegmentation's."""

from mmwsss.models.segmentors.deeplab_heads import DeepLabV2Head, LargeFOVHead
from mmwsss.models.segmentors.one_stage import OneStageSegmentor
from mmwsss.models.segmentors.sam_finetuner import SAMFinetuner
from mmwsss.models.segmentors.two_threshold_labels import TwoThresholdLabels

__all__ = ['DeepLabV2Head', 'LargeFOVHead', 'OneStageSegmentor', 'SAMFinetuner', 'TwoThresholdLabels']
