"""Consistency of what a transformer attends to in several views of an image."""

from mmwsss.models.consistency.all_pairs import AllPairsConsistency
from mmwsss.models.consistency.views import VIEWS, View, build_view

__all__ = ['VIEWS', 'AllPairsConsistency', 'View', 'build_view']
