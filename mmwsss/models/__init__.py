"""Networks: classifiers that give class maps, the distiller, and their parts."""

from mmwsss.models import affinity, backbones, classifiers, consistency, distillers, heads, losses, necks, segmentors

__all__ = [
    'affinity',
    'backbones',
    'classifiers',
    'consistency',
    'distillers',
    'heads',
    'losses',
    'necks',
    'segmentors',
]
