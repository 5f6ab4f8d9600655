"""Transforms that belong to data sets."""

from mmwsss.datasets.transforms.labels import EmptySegMap, LoadCamLabels, LoadSegMap
from mmwsss.datasets.transforms.loading import LoadPicture
from mmwsss.datasets.transforms.paste_objects import PasteObjects
from mmwsss.datasets.transforms.paste_plume import PastePlume
from mmwsss.datasets.transforms.seeded import SeededTransform

__all__ = ['EmptySegMap', 'LoadCamLabels', 'LoadPicture', 'LoadSegMap', 'PasteObjects', 'PastePlume', 'SeededTransform']
