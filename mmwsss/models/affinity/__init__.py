"""AffinityNet."""

from mmwsss.models.affinity.affinity_net import AffinityNet

__all__ = ['AffinityNet']
