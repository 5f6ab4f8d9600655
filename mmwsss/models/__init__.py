"""Networks: classifiers that give class maps, the distiller, and their parts."""

from mmwsss.models import backbones, classifiers, distillers, heads, losses, necks

__all__ = ['backbones', 'classifiers', 'distillers', 'heads', 'losses', 'necks']
