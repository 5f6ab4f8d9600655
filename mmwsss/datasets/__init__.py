"""Data sets: image-level labels, generated scenes, pseudo masks."""

from mmwsss.datasets import transforms
from mmwsss.datasets.cam_labels import CamLabelDataset
from mmwsss.datasets.image_label import ImageLabelDataset
from mmwsss.datasets.image_list import ImageListDataset
from mmwsss.datasets.negative_view import ImageLabelView, NegativeView
from mmwsss.datasets.photo_split import PhotoSplitDataset
from mmwsss.datasets.plume_scenes import PlumeScenes
from mmwsss.datasets.pseudo_mask import PseudoMaskDataset
from mmwsss.datasets.segmentation_view import SegmentationView
from mmwsss.datasets.shapes_scenes import ShapesScenes
from mmwsss.datasets.share_sampler import ShareSampler

__all__ = [
    'CamLabelDataset',
    'ImageLabelDataset',
    'ImageLabelView',
    'ImageListDataset',
    'NegativeView',
    'PhotoSplitDataset',
    'PlumeScenes',
    'PseudoMaskDataset',
    'SegmentationView',
    'ShapesScenes',
    'ShareSampler',
    'transforms',
]
