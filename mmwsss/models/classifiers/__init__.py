"""Classifiers."""

from mmwsss.models.classifiers.map_classifier import MapClassifier

__all__ = ['MapClassifier']
