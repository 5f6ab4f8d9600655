"""Classifiers."""

from mmwsss.models.classifiers.clip_classifier import CLIPClassifier
from mmwsss.models.classifiers.map_classifier import MapClassifier
from mmwsss.models.classifiers.pixel_label_classifier import PixelLabelClassifier

__all__ = ['CLIPClassifier', 'MapClassifier', 'PixelLabelClassifier']
