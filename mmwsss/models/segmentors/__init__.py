"""Segmentors beside MMSegmentation's."""

from mmwsss.models.segmentors.deeplab_heads import DeepLabV2Head, LargeFOVHead
from mmwsss.models.segmentors.sam_finetuner import SAMFinetuner

__all__ = ['DeepLabV2Head', 'LargeFOVHead', 'SAMFinetuner']
