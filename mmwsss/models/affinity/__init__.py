"""AffinityNet, and affinities that nobody trains."""

from mmwsss.models.affinity.affinity_net import AffinityNet
from mmwsss.models.affinity.pixel_adaptive import PixelAdaptiveRefinement

__all__ = ['AffinityNet', 'PixelAdaptiveRefinement']
