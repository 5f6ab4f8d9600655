"""Every figure is computed here, once."""

from mmwsss.evaluation.cam_figures import CamFigures, co_occurrence
from mmwsss.evaluation.figures import count_pixels, segmentation_figures
from mmwsss.evaluation.metric import WeakSegMetric

__all__ = ['CamFigures', 'WeakSegMetric', 'co_occurrence', 'count_pixels', 'segmentation_figures']
