"""Segmentors beside MMSegmentation's."""

from mmwsss.models.segmentors.sam_finetuner import SAMFinetuner

__all__ = ['SAMFinetuner']
