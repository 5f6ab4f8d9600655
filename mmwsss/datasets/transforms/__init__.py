"""Transforms that belong to data sets."""

from mmwsss.datasets.transforms.labels import LoadCamLabels, LoadSegMap
from mmwsss.datasets.transforms.loading import LoadPicture

__all__ = ['LoadCamLabels', 'LoadPicture', 'LoadSegMap']
