"""The engine behind ``make_pseudo``."""

from mmwsss.pseudo.cam_source import CamItem, CamSource, FailedItem, batches_of
from mmwsss.pseudo.engine import PseudoMaskEngine
from mmwsss.pseudo.refine_worker import RefineSettings, RefineWorker
from mmwsss.pseudo.work_group import LAUNCHERS, WorkGroup, find_work_group
from mmwsss.structures.output_folder import RunMismatchError

__all__ = [
    'LAUNCHERS',
    'CamItem',
    'CamSource',
    'FailedItem',
    'PseudoMaskEngine',
    'RefineSettings',
    'RefineWorker',
    'RunMismatchError',
    'WorkGroup',
    'batches_of',
    'find_work_group',
]
