"""Transforms that belong to data sets."""

from mmwsss.datasets.transforms.loading import LoadPicture

__all__ = ['LoadPicture']
