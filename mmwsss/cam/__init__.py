"""Class activation maps."""

from mmwsss.cam.any_classifier import AnyClassifier
from mmwsss.cam.generator import CAMGenerator, CAMs
from mmwsss.cam.layer_tap import LayerTap, target_layers
from mmwsss.cam.segmentor_maps import SegmentorMaps

__all__ = ['AnyClassifier', 'CAMGenerator', 'CAMs', 'LayerTap', 'SegmentorMaps', 'target_layers']
