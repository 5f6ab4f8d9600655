"""Classifiers."""

from mmwsss.models.classifiers.map_classifier import MapClassifier
from mmwsss.models.classifiers.pixel_label_classifier import PixelLabelClassifier

__all__ = ['MapClassifier', 'PixelLabelClassifier']
