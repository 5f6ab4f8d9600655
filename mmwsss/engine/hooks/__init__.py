"""Hooks of MMEngine's runner."""

from mmwsss.engine.hooks.exact_resume import ExactResumeHook
from mmwsss.engine.hooks.finite_loss import DivergedError, FiniteLossHook
from mmwsss.engine.hooks.lr_range import LrRangeHook
from mmwsss.engine.hooks.map_visualization import MapVisualizationHook
from mmwsss.engine.hooks.ordinary_checkpoint import OrdinaryCheckpointHook
from mmwsss.engine.hooks.progress import ProgressHook
from mmwsss.engine.hooks.set_epoch import SetEpochHook

__all__ = [
    'DivergedError',
    'ExactResumeHook',
    'FiniteLossHook',
    'LrRangeHook',
    'MapVisualizationHook',
    'OrdinaryCheckpointHook',
    'ProgressHook',
    'SetEpochHook',
]
