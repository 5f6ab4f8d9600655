"""Hooks of MMEngine's runner."""

from mmwsss.engine.hooks.exact_resume import ExactResumeHook
from mmwsss.engine.hooks.lr_range import LrRangeHook

__all__ = ['ExactResumeHook', 'LrRangeHook']
