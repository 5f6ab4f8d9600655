"""Masks of new pictures, films and cameras."""

from mmwsss.prediction.networks import MapNetwork, Network, Prediction, SegmentorNetwork
from mmwsss.prediction.temporal import TemporalMedian
from mmwsss.prediction.tiles import Tiling

__all__ = ['MapNetwork', 'Network', 'Prediction', 'SegmentorNetwork', 'TemporalMedian', 'Tiling']
