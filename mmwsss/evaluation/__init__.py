"""Figures of masks and of maps: IoU, false alarms, co-occurrence. No other package computes any."""

from mmwsss.evaluation.cam_figures import CamFigures, co_occurrence
from mmwsss.evaluation.confusion import ConfusionMetric, confusion_matrix
from mmwsss.evaluation.dice import expected_dice
from mmwsss.evaluation.figures import SegmentationFigures, segmentation_figures
from mmwsss.evaluation.label_posterior import LabelPosterior
from mmwsss.evaluation.metric import WeakSegMetric
from mmwsss.evaluation.pixel_counts import PixelCounts, count_pixels, value_counts

__all__ = [
    'CamFigures',
    'ConfusionMetric',
    'LabelPosterior',
    'PixelCounts',
    'SegmentationFigures',
    'WeakSegMetric',
    'co_occurrence',
    'confusion_matrix',
    'count_pixels',
    'expected_dice',
    'segmentation_figures',
    'value_counts',
]
