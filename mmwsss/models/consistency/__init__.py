"""Consistency losses between views of an image: of attention, and of frames with and without smoke."""

from mmwsss.models.consistency.all_pairs import AllPairsConsistency
from mmwsss.models.consistency.counterfactual_pairs import CounterfactualPairs
from mmwsss.models.consistency.views import VIEWS, View, build_view

__all__ = ['VIEWS', 'AllPairsConsistency', 'CounterfactualPairs', 'View', 'build_view']
