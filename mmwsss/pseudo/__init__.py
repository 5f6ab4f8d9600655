"""The engine behind ``make_pseudo``."""

from mmwsss.pseudo.cam_source import CamItem, CamSource
from mmwsss.pseudo.engine import PseudoMaskEngine, RunMismatchError
from mmwsss.pseudo.refine_worker import RefineWorker

__all__ = ['CamItem', 'CamSource', 'PseudoMaskEngine', 'RefineWorker', 'RunMismatchError']
