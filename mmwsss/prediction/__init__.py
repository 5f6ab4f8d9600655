"""Masks of new pictures, films and cameras."""

from mmwsss.prediction.map_network import MapNetwork
from mmwsss.prediction.network import Network, Prediction
from mmwsss.prediction.segmentor_network import SegmentorNetwork
from mmwsss.prediction.temporal import TemporalMedian
from mmwsss.prediction.tiles import Tiling

__all__ = ['MapNetwork', 'Network', 'Prediction', 'SegmentorNetwork', 'TemporalMedian', 'Tiling']
